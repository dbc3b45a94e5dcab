"""Volumes whose chunks are whole slices, copied once into cubes that suit every view."""

import math
from dataclasses import replace
from pathlib import Path

from .._shared.progress import inform, progress
from ..volumes.ome_zarr import CHUNK, create_stack, open_stack, place_stack
from ..volumes.reading import Volume, open_volume
from ..volumes.stored_arrays import AnyArray, chunks_of
from .piece_store import PieceStore, remove_pieces
from .run_folder import RunFolder

_SHARE = 8
"""A slab that is read at a time takes at most this part of the ceiling, or it is one of cubes."""

_PIECES = "cubes"


def is_flat(data: AnyArray, ceiling: int | None) -> bool:
    """Tell whether some view of a volume can only be read in slabs that are too thick."""
    slabs = [c * data.nbytes / n for c, n in zip(chunks_of(data), data.shape, strict=True)]
    cubes = max(CHUNK * data.nbytes / n for n in data.shape)
    limit = math.inf if ceiling is None else max(ceiling / _SHARE, cubes)
    return max(slabs) > limit


def in_cubes(volume: Volume, run: RunFolder, ceiling: int | None) -> Volume:
    """Copy a volume into ``volume.zarr`` of a run folder, if its chunks are flat.

    Parameters
    ----------
    volume
        Opened, not loaded.
    run
        The folder, held by the caller; a copy that was begun is finished.
    ceiling
        Bytes that a process may take.

    Returns
    -------
    Volume
        The copy, or the volume itself.
    """
    if not is_flat(volume.data, ceiling):
        return volume
    target = run.path / "volume.zarr"
    key = {"volume": volume.digest, **volume.size_key}
    if not run.is_done("copy in cubes", key, [target]):
        run.check_free({"copy in cubes": [target]})
        with run.stage("copy in cubes", key) as notes:
            inform(f"{volume.source}: copying into cubic chunks (once)")
            store = PieceStore(run.path, _PIECES, key)
            notes["resumed_slices"] = _copy(volume, store, target)
    # The pieces say that the copy is whole until run.json does.
    remove_pieces(run.path, _PIECES)
    copy = open_volume(target)
    return replace(
        copy, spacing=volume.spacing, spacing_from=volume.spacing_from, notes=volume.notes
    )


def _copy(volume: Volume, store: PieceStore, target: Path) -> int:
    """Copy slab by slab; tell how many slices an earlier run had copied."""
    data = volume.data
    chunks = chunks_of(data)
    axis = min(range(3), key=lambda a: chunks[a])
    step = -(-chunks[axis] // CHUNK) * CHUNK
    size = data.shape[axis]
    slabs = {f"slab-{low:05d}": (low, min(low + step, size)) for low in range(0, size, step)}
    done = sum(high - low for name, (low, high) in slabs.items() if name in store)
    if done < size:
        stack = store.made_once(
            target.name, lambda path: create_stack(path, data.shape, data.dtype, volume.known_size)
        )
        with progress("slices copied", size, done) as advance:
            for name, (low, high) in slabs.items():
                if name not in store:
                    box = [slice(None)] * 3
                    box[axis] = slice(low, high)
                    open_stack(stack)[tuple(box)] = data[tuple(box)]
                    store.note(name)
                    advance(high - low)
    # A run may have been killed after this, before it could say so.
    if (store.path / target.name).exists():
        place_stack(store.path / target.name, target)
    return done
