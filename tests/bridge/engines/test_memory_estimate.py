"""What a run is said to take is what its parts were seen to allocate, and little more."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from particlebridge import analysis
from particlebridge.analysis import ViewStack, electrode
from particlebridge.analysis.phantom.electrode import Electrode
from particlebridge.bridge.engines import memory_estimate


@pytest.fixture(scope="module")
def made() -> Iterator[Electrode]:
    yield electrode((64, 128, 128), seed=3, radius=(7.0, 14.0))


def _allocated(work: Callable[[], object]) -> int:
    work()  # what numba allocates to compile is not the work's
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


NETWORK = """
import re
from pathlib import Path
import numpy as np
from particlebridge.exporter import load_model
network = load_model("nmc", "onnx", "cpu")
for side in (0, 256, 640, 896):
    if side:
        network.predict(np.zeros((side, side), np.float32))
    # Not getrusage: it begins with what the parent took.
    print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_network_by_onnx_runtime() -> None:
    """Also where slices of other sizes came before, whose memory ONNX Runtime keeps."""
    done = subprocess.run([sys.executable, "-c", NETWORK], capture_output=True, check=True)
    loaded, *peaks = map(int, done.stdout.split())
    told = memory_estimate.NETWORKS["onnx"]
    for side, peak in zip((256, 640, 896), peaks, strict=True):
        assert peak < told.base + told.pixel * side**2
    assert peaks[-1] - loaded > 0.4 * told.pixel * 896**2


def test_fusion(made: Electrode) -> None:
    views = {}
    for view in analysis.VIEWS:
        labels = np.ascontiguousarray(analysis.to_view(made.labels, view)).astype(np.int32)
        views[view] = ViewStack(labels, (labels > 0).astype(np.float32))
    held = 3 * (4 + 4) + made.volume.itemsize
    more = _allocated(lambda: analysis.fuse(views, made.volume, made.spacing))
    assert 0.9 < (held + more / made.labels.size) / memory_estimate.FUSE < 1


def test_measuring(made: Electrode) -> None:
    labels = made.labels.astype(np.int32)
    solid = (labels > 0).astype(np.uint8)
    more = _allocated(lambda: analysis.measure(made.volume, labels, made.spacing, solid=solid))
    assert 0.8 < (4 + 1 + more / labels.size) / memory_estimate.MEASURE < 1.1
