"""Volumes whose chunks are whole slices, copied once into cubes that suit every view."""

import math

from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.atomic import MARK, remove_folder

from .._shared.progress import inform, progress
from ..volumes.ome_zarr import CHUNK, create_stack, open_stack, place_stack
from ..volumes.reading import Volume, open_volume
from ..volumes.stored_arrays import AnyArray, chunks_of
from .run_folder import RunFolder, scratch_folder

_SHARE = 8
"""A slab that is read at a time takes at most this part of the ceiling, or it is one of cubes."""


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
    data = volume.data
    if not is_flat(data, ceiling):
        return volume
    target = run.path / "volume.zarr"
    key = {"volume": volume.digest}
    if not run.is_done("copy in cubes", key, [target]):
        run.check_free({"copy in cubes": [target]})
        chunks = chunks_of(data)
        axis = min(range(3), key=lambda a: chunks[a])
        step = -(-chunks[axis] // CHUNK) * CHUNK
        with run.stage("copy in cubes", key) as notes:
            inform(f"{volume.source}: copying into cubic chunks (once)")
            scratch = scratch_folder(run.path, "cubes", key)
            stack, mark = scratch / target.name, scratch / "copied"
            begun = int(mark.read_text()) if mark.exists() else 0
            notes["resumed_slices"] = begun
            if begun == 0:
                create_stack(stack, data.shape, data.dtype, volume.spacing)
            with progress("slices copied", data.shape[axis], begun) as advance:
                for low in range(begun, data.shape[axis], step):
                    box = [slice(None)] * 3
                    box[axis] = slice(low, min(low + step, data.shape[axis]))
                    open_stack(stack)[tuple(box)] = data[tuple(box)]
                    with atomic_path(mark) as fresh:
                        fresh.write_text(str(box[axis].stop))
                    advance(box[axis].stop - low)
            # A run may have been killed after this, before it could say so.
            if stack.exists():
                place_stack(stack, target)
    # It says that the copy is whole until run.json does.
    remove_folder(run.path / f"{MARK}cubes")
    copy = open_volume(target).data
    return Volume(copy, volume.spacing, volume.spacing_from, target, volume.notes)
