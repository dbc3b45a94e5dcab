"""How much memory a run takes; benchmarks/bench_memory.py measures it."""

from dataclasses import dataclass

from particlebridge.analysis._shared.memory import total_memory
from particlebridge.exporter.networks.network import Backend

from ..volumes.ome_zarr import SLAB


@dataclass(frozen=True)
class NetworkMemory:
    """What a network takes with what computes it.

    Attributes
    ----------
    base
        Bytes of a process that has loaded all that a run does, the backend and a model included.
        With ONNX Runtime a run on 16 x 40 x 44 voxels was seen to end at 0.59 GB.
    pixel
        Bytes for each pixel that goes through the network at once. ONNX Runtime takes 274, and up
        to 526 where a larger image follows a smaller one, whose memory it keeps.
    """

    base: float
    pixel: float


NETWORKS: dict[Backend, NetworkMemory] = {
    "onnx": NetworkMemory(base=0.6e9, pixel=560),
    "tensorflow": NetworkMemory(base=1.2e9, pixel=720),
}

LEAST_PIXELS = 256 * 256
"""Smaller pieces of a slice would be all margin."""

FUSE = 54
"""Bytes for each voxel that is fused at once: 26 of labels, probabilities and grey values, 25 that
are taken beside them (measured: 51 more with each voxel, from 256^3 to 512^3), the rest in hand."""

MEASURE = 7
"""Bytes for each voxel of the slices measured at once, beside grey values: 5 of labels and
material, the rest beside them (measured: 5 more with each voxel, from 256^3 to 512^3)."""

ENLARGED = 60
"""Bytes for each pixel of the slice under way as it was resized, outside the network."""


def slice_bytes(depth: int, itemsize: int, format: str, enlarged: float = 1.0) -> float:
    """Estimate the bytes for each pixel of a slice: slabs read and written, and the slice itself.

    Parameters
    ----------
    depth
        Slices of a slab that is read at a time.
    itemsize
        Bytes of a voxel.
    format
        ``tiff`` or ``zarr``.
    enlarged
        Pixels of the network for each of the slice.
    """
    return depth * itemsize + (SLAB * 4 if format == "zarr" else 4) + ENLARGED * max(1.0, enlarged)


def usual_ceiling() -> int:
    """Give three quarters of this machine's memory, or of what its container allows, bytes."""
    return int(0.75 * total_memory())
