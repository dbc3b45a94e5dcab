"""What runs in a process of its own: OpenCV's dnn module on a network, called as QuPath calls it.

`python -m particlebridge.exporter.runtimes.opencv_worker JOB` reads JOB/job.json and leaves
JOB/result.json, as `jvm_worker`.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .jobs import answer


def main(job: Path) -> None:
    """Do the job, see `answer`.

    Parameters
    ----------
    job
        A folder with job.json: the path of the network ("onnx"), and how many images lie beside
        it as 0.npy, 1.npy... (1, H, W, C) float32. The outputs are left as out_0_prob.npy
        (1, rows, columns, 1), out_0_dist.npy...
    """
    answer(job, "native", _run)


def _run(task: dict[str, Any], job: Path, result: dict[str, Any]) -> None:
    import cv2

    result["version"] = cv2.__version__
    result["stage"] = "load"
    network = cv2.dnn.readNet(task["onnx"])
    names = network.getUnconnectedOutLayersNames()
    result["stage"] = "run"
    result["milliseconds"] = []
    for index in range(task["images"]):
        image = np.load(job / f"{index}.npy").transpose(0, 3, 1, 2)
        start = time.perf_counter()
        network.setInput(np.ascontiguousarray(image))
        outputs = network.forward(names)
        result["milliseconds"].append(round(1000 * (time.perf_counter() - start), 2))
        if sorted(array.shape[1] == 1 for array in outputs) != [False, True]:
            shapes = ", ".join(str(array.shape) for array in outputs)
            raise ValueError(f"its outputs are not one probability and the rays: {shapes}")
        for array in outputs:
            name = "prob" if array.shape[1] == 1 else "dist"
            np.save(job / f"out_{index}_{name}.npy", array.transpose(0, 2, 3, 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
