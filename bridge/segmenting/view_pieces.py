"""The slices of a view in pieces, each for a worker that has the network loaded."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from particlebridge.analysis._shared.views import View
from particlebridge.exporter import Network

from ..engines.protocol import Engine, Failure, Settings
from ..runs.scheduling import FailedTask, Runner, report_progress
from ..runs.view_folder import ViewFolder, check_failures, segment_slices
from ..volumes.ome_zarr import SLAB
from ..volumes.stored_arrays import SliceStack
from .options import SegmentOptions


@dataclass(frozen=True)
class EngineSpec:
    """What a worker needs to start an engine of its own.

    Attributes
    ----------
    options
        The engine; its model is that of all its views.
    settings
        Thresholds, scale and numerics.
    digest
        The model's: a worker that outlives a run does not go on with what the file held then.
    max_pixels
        Largest piece of a slice that goes through the network at once.
    """

    options: SegmentOptions
    settings: Settings
    digest: str
    max_pixels: int

    def start(self, network: Network | None = None) -> Engine:
        """Start the engine; the model is loaded unless it is given."""
        view = self.options.views[0]
        network = network or self.options.load(view)
        return self.options.start(view, network, self.settings, self.max_pixels)


@dataclass(frozen=True)
class ViewPiece:
    """Some slices of a view."""

    stack: SliceStack
    folder: ViewFolder
    indices: tuple[int, ...]


_engine_cache: list[tuple[EngineSpec, Engine]] = []
"""At most one engine that nobody uses, kept for the next piece."""

_lock = threading.Lock()


def segment_view(
    stack: SliceStack,
    folder: ViewFolder,
    spec: EngineSpec,
    runner: Runner,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Segment the slices of one view that are not finished yet.

    Parameters
    ----------
    stack
        The view's slices; where pieces go to other processes, of a volume on disk.
    folder
        Where they are kept; joined if none failed.
    spec
        What segments them.
    runner
        Who does it.
    advance
        Called with 1 after each slice.

    Returns
    -------
    dict
        What run.json says about the engine.

    Raises
    ------
    SlicesFailed
        If slices could not be segmented; the others are kept.
    """
    folder.prepare()
    missing = folder.missing()
    # Pieces of whole slabs: a chunk of the volume is read, and one of the results written, by one.
    depth = -(-max(stack.depth, SLAB) // SLAB) * SLAB
    pieces = {}
    for low in range(0, len(stack), depth):
        indices = tuple(i for i in missing if low <= i < low + depth)
        if indices:
            name = f"{folder.path.name} slices {low}-{min(low + depth, len(stack)) - 1}"
            pieces[name] = ViewPiece(stack, folder, indices)
    failures: list[Failure] = []
    versions: dict[str, Any] = {}
    for name, done in runner.run(partial(_segment_piece, spec), pieces, advance):
        if isinstance(done, FailedTask):
            failures += [Failure(index, done.reason) for index in pieces[name].indices]
        else:
            failures += done[0]
            versions = done[1]
    check_failures(folder, sorted(failures, key=lambda failure: failure.index))
    folder.join()
    return versions


def _segment_piece(spec: EngineSpec, piece: ViewPiece) -> tuple[list[Failure], dict[str, Any]]:
    with engine_of(spec) as engine:
        failures = segment_slices(piece.stack, piece.folder, engine, piece.indices, report_progress)
        return failures, dict(engine.versions())


def engine_spec(
    options: SegmentOptions, view: View, network: Network, settings: Settings, max_pixels: int
) -> EngineSpec:
    """Say what segments a view; views of one model and one pixel size share it."""
    model = options.model_of(view)
    one = replace(options, model=model, views=("xy",))
    return EngineSpec(one, settings, network.digest, max_pixels)


@contextmanager
def engine_of(spec: EngineSpec, network: Network | None = None) -> Iterator[Engine]:
    """Lend an engine to one thread at a time; afterwards it waits for the next piece.

    An engine that waits for another kind of piece ends first: there is never more than one that
    nobody uses, and none ends that somebody uses.
    """
    with _lock:
        waiting = _engine_cache[:]
        _engine_cache.clear()
    engine = None
    for held, other in waiting:
        if held == spec:
            engine = other
        else:
            other.close()
    engine = engine or spec.start(network)
    try:
        yield engine
    finally:
        with _lock:
            waiting = _engine_cache[:]
            _engine_cache[:] = [(spec, engine)]
        for _, other in waiting:
            other.close()


@contextmanager
def engine_ends() -> Iterator[None]:
    """End the engine that waits after the block: its memory and, for Fiji, its Java."""
    try:
        yield
    finally:
        with _lock:
            waiting = _engine_cache[:]
            _engine_cache.clear()
        for _, engine in waiting:
            engine.close()
