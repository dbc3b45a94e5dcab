"""What runs in a process of its own: TensorFlow 1.x or ONNX Runtime of the JVM on a network.

`python -m particlebridge.exporter.runtimes.jvm_worker JOB` reads JOB/job.json and leaves
JOB/result.json. TensorFlow 1.x and the TensorFlow 2 of Python never share a process, so nothing
here imports it.
"""

import contextlib
import ctypes
import platform
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .jobs import answer


def main(job: Path) -> None:
    """Do the job, see `answer`.

    Parameters
    ----------
    job
        A folder with job.json: runtime, and for a run the folder of the unpacked bundle, the
        names of its input and output tensor, and how many images lie beside it as 0.npy,
        1.npy... (1, H, W, C) float32. Each output is left as out_0.npy, out_1.npy...
        With "onnx", the path of a network instead of a bundle's, "runtime" is a version of ONNX
        Runtime and the outputs are left by their names, as out_0_prob.npy, out_0_dist.npy...
    """
    answer(job, "java", _work)


def _work(task: dict[str, Any], job: Path, result: dict[str, Any]) -> None:
    if "onnx" in task:
        _run_onnx(task, job, result)
        return
    tensorflow = _start(task["runtime"], result)
    result["version"] = str(tensorflow.version())
    if "bundle" in task:
        _run(task, job, result)
    else:
        (job / "ops.pb").write_bytes(bytes(tensorflow.registeredOpList()))


def _start_java(artifact: str, result: dict[str, Any]) -> Any:
    import scyjava

    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.endpoints.append(artifact)
    scyjava.start_jvm()
    result["stage"] = "native"
    result["java"] = str(scyjava.jimport("java.lang.System").getProperty("java.version"))
    return scyjava


def _start(runtime: str, result: dict[str, Any]) -> Any:
    scyjava = _start_java(f"org.tensorflow:tensorflow:{runtime}", result)
    if runtime == "1.14.0":
        _preload_framework(scyjava)
    return scyjava.jimport("org.tensorflow.TensorFlow")


def _preload_framework(scyjava: Any) -> None:
    """Load what 1.14.0's jar does not find: it unpacks its two libraries into two folders."""
    names = {
        "Linux": "linux-x86_64/libtensorflow_framework.so.1",
        "Darwin": "darwin-x86_64/libtensorflow_framework.1.dylib",
    }
    name = names.get(platform.system())
    if name is None:
        return  # Windows has one library
    paths = str(scyjava.jimport("java.lang.System").getProperty("java.class.path")).split(":")
    jar = next(path for path in paths if "libtensorflow_jni-1.14.0" in path)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(jar) as archive:
        library = archive.extract(f"org/tensorflow/native/{name}", folder)
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)


def _run(task: dict[str, Any], job: Path, result: dict[str, Any]) -> None:
    import jpype
    from scyjava import jimport

    tensors = jimport("org.tensorflow.Tensor")
    result["stage"] = "load"
    with contextlib.closing(
        jimport("org.tensorflow.SavedModelBundle").load(task["bundle"], "serve")
    ) as bundle:
        result["stage"] = "run"
        result["milliseconds"] = []
        for index in range(task["images"]):
            image = np.ascontiguousarray(np.load(job / f"{index}.npy"), np.float32)
            shape = jpype.JArray(jpype.JLong)(list(image.shape))
            runner = bundle.session().runner()
            start = time.perf_counter()
            with contextlib.closing(tensors.create(shape, _float_buffer(image))) as tensor:
                runner.feed(task["input"], tensor).fetch(task["output"])
                with contextlib.closing(runner.run().get(0)) as output:
                    milliseconds = 1000 * (time.perf_counter() - start)
                    values = np.empty([int(n) for n in output.shape()], np.float32)
                    output.writeTo(_float_buffer(values))
            result["milliseconds"].append(round(milliseconds, 2))
            np.save(job / f"out_{index}.npy", values)


def _run_onnx(task: dict[str, Any], job: Path, result: dict[str, Any]) -> None:
    import jpype

    scyjava = _start_java(f"com.microsoft.onnxruntime:onnxruntime:{task['runtime']}", result)
    environment = scyjava.jimport("ai.onnxruntime.OrtEnvironment").getEnvironment()
    tensors = scyjava.jimport("ai.onnxruntime.OnnxTensor")
    result["version"] = str(environment.getVersion())
    result["stage"] = "load"
    with contextlib.closing(environment.createSession(task["onnx"])) as session:
        result["stage"] = "run"
        result["milliseconds"] = []
        for index in range(task["images"]):
            image = np.ascontiguousarray(np.load(job / f"{index}.npy"), np.float32)
            shape = jpype.JArray(jpype.JLong)(list(image.shape))
            start = time.perf_counter()
            with contextlib.closing(
                tensors.createTensor(environment, _float_buffer(image), shape)
            ) as tensor:
                inputs = scyjava.jimport("java.util.Collections").singletonMap("input", tensor)
                with contextlib.closing(session.run(inputs)) as outputs:
                    milliseconds = 1000 * (time.perf_counter() - start)
                    for name in map(str, session.getOutputNames()):
                        output = outputs.get(name).get()
                        sizes = [int(n) for n in output.getInfo().getShape()]
                        values = np.empty(sizes, np.float32)
                        _float_buffer(values).put(output.getFloatBuffer())
                        np.save(job / f"out_{index}_{name}.npy", values)
            result["milliseconds"].append(round(milliseconds, 2))


def _float_buffer(array: np.ndarray) -> Any:
    """Show a contiguous float32 array's memory to Java as a FloatBuffer."""
    from jpype.nio import convertToDirectBuffer
    from scyjava import jimport

    order = jimport("java.nio.ByteOrder").nativeOrder()
    return convertToDirectBuffer(array.reshape(-1).view(np.uint8)).order(order).asFloatBuffer()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
