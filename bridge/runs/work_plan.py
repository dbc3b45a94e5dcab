"""Who does a run's work, and in pieces of what size, so that it stays below a ceiling of memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from particlebridge.analysis._shared.memory import total_memory
from particlebridge.analysis._shared.views import VIEWS
from particlebridge.exporter.networks.network import Backend

from .._shared.progress import inform, notice
from ..engines import memory_estimate as memory_of
from ..engines.tiling import MAX_PIXELS
from ..volumes.ome_zarr import CHUNK
from ..volumes.reading import Volume
from ..volumes.stored_arrays import SliceStack
from ..volumes.voxel_size import KnownSize, Spacing
from .blocks import BlockGrid, fewest_blocks
from .chunked_view_folder import ChunkedViewFolder
from .dask_runner import open_runner
from .measure_options import MeasureOptions
from .rechunking import is_flat
from .scheduling import InProcess, Runner
from .view_folder import ViewFolder
from .work_options import Format, WorkOptions

_LEAST_BYTES = 1_000_000
"""A smaller ceiling lacks its unit."""

_HALO = 1.0
"""Voxels seen beyond a block, typical diameters."""


@dataclass(frozen=True)
class Plan:
    """How the work on a volume is cut up, and who does it.

    Attributes
    ----------
    format
        ``tiff``: whole stacks, fused and measured in memory. ``zarr``: chunked stacks, fused and
        measured in blocks.
    runner
        Who does the pieces.
    ceiling
        Bytes that a process may take; None: as it comes.
    max_pixels
        Largest piece of a slice that goes through the network at once.
    backend
        What computes the network.
    expected
        Bytes that a process is expected to take, once `fitted` to a volume.
    measuring
        How particles are measured afterwards; None: they are not.
    """

    format: Format = "tiff"
    runner: Runner = field(default_factory=InProcess)
    ceiling: int | None = None
    max_pixels: int = MAX_PIXELS
    backend: Backend = "onnx"
    expected: float = 0.0
    measuring: MeasureOptions | None = None

    def view_folder(
        self,
        path: Path,
        shape: tuple[int, int, int],
        spacing: KnownSize,
        key: Any = None,
        every: int = 1,
    ) -> ViewFolder:
        """Give a view's folder in this format."""
        kind = ChunkedViewFolder if self.format == "zarr" else ViewFolder
        return kind(path, shape, spacing, key, every)

    @property
    def block_runner(self) -> Runner:
        """Who fuses and measures: what is not cut into blocks, this process."""
        return self.runner if self.format == "zarr" else InProcess()

    def fitted(self, volume: Volume, enlarged: float = 1.0) -> "Plan":
        """Fit the network's pieces to a volume, and say how much memory its run takes.

        Parameters
        ----------
        volume
            Opened, not loaded.
        enlarged
            Pixels of the network for each of a slice, as soon as the particles' size is known:
            small ones are enlarged to what the model was trained on.

        Raises
        ------
        ValueError
            If the work cannot be cut into pieces that stay below the ceiling.
        """
        flat = self.format == "zarr" and is_flat(volume.data, self.ceiling)
        stacks = [SliceStack(volume.data, view) for view in VIEWS]
        most = max(stack.shape[1] * stack.shape[2] for stack in stacks)
        slices = max(
            stack.shape[1]
            * stack.shape[2]
            * memory_of.slice_bytes(
                CHUNK if flat else stack.depth,
                volume.data.dtype.itemsize,
                self.format,
                enlarged,
            )
            for stack in stacks
        )
        network = memory_of.NETWORKS[self.backend]
        pixels = MAX_PIXELS
        if self.ceiling is not None:
            pixels = int(min(pixels, (self.ceiling - network.base - slices) / network.pixel))
        if pixels < memory_of.LEAST_PIXELS:
            needed = network.base + slices + network.pixel * memory_of.LEAST_PIXELS
            raise self._too_little(volume.source, needed, "a slice")
        expected = network.base + slices + network.pixel * min(pixels, most * enlarged)
        if self.format == "tiff":
            whole = self._base + memory_of.FUSE * math.prod(volume.data.shape)
            if self.ceiling is not None and whole > self.ceiling:
                more = ", or work in blocks with --format zarr"
                raise self._too_little(volume.source, whole, "fusing it in one piece", more)
            voxels = math.prod(volume.data.shape)
            measured = self._base + voxels * self._measured(volume) + self._crops(volume)
            if self.ceiling is not None and measured > self.ceiling:
                raise self._too_little(volume.source, measured, "measuring around its particles")
            expected = max(expected, whole, measured)
        else:
            plane = math.prod(volume.data.shape[1:])
            depth = min(CHUNK, volume.data.shape[0])
            slab = self._base + depth * plane * self._measured(volume) + self._crops(volume)
            if self.ceiling is not None:
                if slab > self.ceiling:
                    raise self._too_little(volume.source, slab, f"measuring {depth} slices")
                whole = self._base + memory_of.FUSE * plane * volume.data.shape[0]
                expected = max(expected, slab, min(whole, self.ceiling))
        allowed = "no limit" if self.ceiling is None else f"{_gb(self.ceiling)} allowed"
        if _gb(expected) != _gb(self.expected):
            inform(f"memory of each process: {_gb(expected)} expected, {allowed} (--memory)")
            if expected > total_memory():
                notice(
                    f"warning: {_gb(total_memory())} is all that this machine or its container "
                    "has; --format zarr --memory works in blocks that fit"
                )
        return replace(self, max_pixels=pixels, expected=expected)

    def block_grid(
        self, shape: tuple[int, int, int], spacing: Spacing, diameter: float, source: Path
    ) -> BlockGrid:
        """Choose blocks for fusion that see a typical diameter (um) beyond their own voxels.

        Raises
        ------
        ValueError
            If none fits below the ceiling.
        """
        z, y, x = (math.ceil(_HALO * diameter / s) for s in spacing)
        most = math.inf
        if self.ceiling is not None:
            most = (self.ceiling - self._base) / memory_of.FUSE
        block_grid = fewest_blocks(shape, (z, y, x), most)
        if block_grid is None:
            least = (CHUNK + 2 * z) * (CHUNK + 2 * y) * (CHUNK + 2 * x)
            needed = self._base + memory_of.FUSE * least
            raise self._too_little(source, needed, "its smallest block")
        return block_grid

    def slab_depth(self, volume: Volume) -> int | None:
        """Choose how many slices are measured at a time, in whole chunks; None: there is no limit.

        Fewer than there are only below a ceiling.
        """
        if self.ceiling is None:
            return None
        plane = math.prod(volume.data.shape[1:]) * self._measured(volume)
        room = (self.ceiling - self._base - self._crops(volume)) / plane
        return int(min(max(CHUNK, room // CHUNK * CHUNK), volume.data.shape[0]))

    @property
    def _base(self) -> float:
        return memory_of.NETWORKS[self.backend].base

    def _measured(self, volume: Volume) -> int:
        return memory_of.MEASURE + int(volume.data.dtype.itemsize)

    def _crops(self, volume: Volume) -> float:
        """Bytes of the particles that are measured at the same time, each with its surroundings."""
        return 0.0 if self.measuring is None else self.measuring.bytes(volume.spacing)

    def _too_little(self, source: Path, needed: float, what: str, more: str = "") -> ValueError:
        assert self.ceiling is not None
        return ValueError(
            f"{source}: {what} needs {_gb(needed)} and --memory allows "
            f"{_gb(self.ceiling)}; allow {_gb(math.ceil(needed / 1e8) * 1e8)}{more}"
        )


def network_pixels(ceiling: int, backend: Backend) -> int:
    """Tell how many pixels of an image may go through the network at once below a ceiling, bytes.

    Raises
    ------
    ValueError
        If there is no room for a piece that is worth it.
    """
    network = memory_of.NETWORKS[backend]
    pixels = int(min(MAX_PIXELS, (ceiling - network.base) / network.pixel))
    if pixels < memory_of.LEAST_PIXELS:
        needed = network.base + network.pixel * memory_of.LEAST_PIXELS
        raise ValueError(
            f"the network needs {_gb(needed)} and --memory allows {_gb(ceiling)}; allow more"
        )
    return pixels


@contextmanager
def planned(work: WorkOptions, backend: Backend = "onnx") -> Iterator[Plan]:
    """Start what a run works with.

    Parameters
    ----------
    work
        As given.
    backend
        What computes the network, if one is run.

    Raises
    ------
    ValueError
        If one of these is not understood.
    OSError
        If the scheduler does not answer.
    """
    ceiling = None if work.memory is None else parse_bytes(work.memory)
    with open_runner(work.scheduler, work.workers, ceiling) as runner:
        if ceiling is None and work.format == "zarr":
            ceiling = memory_of.usual_ceiling()
        yield Plan(work.format, runner, ceiling, backend=backend)


def parse_bytes(text: str | int) -> int:
    """Read a size such as ``8GB``, ``512 MiB`` or bytes.

    Raises
    ------
    ValueError
        If it is none.
    """
    from dask.utils import parse_bytes as parse

    try:
        size = int(parse(text))
    except (ValueError, TypeError, AttributeError):
        size = 0
    if size < _LEAST_BYTES:  # "8" would be eight bytes
        raise ValueError(f"'{text}' is not a memory size; write it like 8GB")
    return size


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
