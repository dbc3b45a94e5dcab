"""What runs in a process of its own: TensorFlow 1.x of the JVM on a bundle, or its list of ops.

`python -m particlebridge.exporter.runtimes.jvm_worker JOB` reads JOB/job.json and leaves
JOB/result.json. TensorFlow 1.x and the TensorFlow 2 of Python never share a process, so nothing
here imports it.
"""

import contextlib
import ctypes
import json
import platform
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def main(job: Path) -> None:
    """Do the job; whatever happens, result.json tells it and at which stage.

    Parameters
    ----------
    job
        A folder with job.json: runtime, and for a run the folder of the unpacked bundle, the
        names of its input and output tensor, and how many images lie beside it as 0.npy,
        1.npy... (1, H, W, C) float32. Each output is left as out_0.npy, out_1.npy...
    """
    task = json.loads((job / "job.json").read_text(encoding="utf-8"))
    result: dict[str, Any] = {"stage": "java", "error": None}
    try:
        tensorflow = _start(task["runtime"], result)
        result["version"] = str(tensorflow.version())
        if "bundle" in task:
            _run(task, job, result)
        else:
            (job / "ops.pb").write_bytes(bytes(tensorflow.registeredOpList()))
        result["stage"] = "done"
    except Exception as error:  # Java's exceptions too; the parent reports them
        result["error"] = " ".join(str(error).split()) or type(error).__name__
    (job / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _start(runtime: str, result: dict[str, Any]) -> Any:
    import scyjava

    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.endpoints.append(f"org.tensorflow:tensorflow:{runtime}")
    scyjava.start_jvm()
    result["stage"] = "native"
    result["java"] = str(scyjava.jimport("java.lang.System").getProperty("java.version"))
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


def _float_buffer(array: np.ndarray) -> Any:
    """Show a contiguous float32 array's memory to Java as a FloatBuffer."""
    from jpype.nio import convertToDirectBuffer
    from scyjava import jimport

    order = jimport("java.nio.ByteOrder").nativeOrder()
    return convertToDirectBuffer(array.reshape(-1).view(np.uint8)).order(order).asFloatBuffer()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
