"""Fusing the views of a run folder into labels.tif, solid.tif and fusion.csv."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge import analysis
from particlebridge.analysis import VIEWS, Fusion, ViewStack
from particlebridge.analysis._shared.views import View, view_axes
from particlebridge.analysis.fusion.methods import Method
from particlebridge.analysis.io.images import TIFF_SUFFIXES
from particlebridge.analysis.material.void_evidence import coded, told

from .._shared.progress import notice
from ..runs.folder_lock import held
from ..runs.piece_store import PieceStore
from ..runs.run_folder import files_digest
from ..runs.run_labels import as_known_to_run, made_by_older_version
from ..runs.void_words import say_void
from ..runs.work_plan import Plan, planned
from ..volumes.chunked_source import split_dataset
from ..volumes.field_of_view import AUTO, FieldOfView, fill_outside, find_field_of_view
from ..volumes.label_records import Recorded, check_replaceable, companion, label_digest
from ..volumes.reading import Volume, open_volume, read_labels, read_volume
from ..volumes.tables import write_table
from ..volumes.voxel_size import KnownSize, best_known, in_volume, length_unit, working_size
from ..volumes.writing import write_labels, write_mask
from .blocks import BlockFusion, fuse_in_blocks, stacks_for, typical_section
from .fusion_method import fusion_method
from .published_maps import fuse_published, has_published_maps, open_published_maps

SUFFIXES = {"tiff": ".tif", "zarr": ".zarr"}


def fuse(
    folder: str | os.PathLike[str],
    *,
    volume: str | os.PathLike[str] | None = None,
    method: Method = "consensus",
    downscale: float | None = None,
    min_voxels: int | None = None,
    out: str | os.PathLike[str] | None = None,
    field_of_view: str | os.PathLike[str] = AUTO,
    format: str | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
) -> Path:
    """Fuse the views of a run folder into one label volume.

    Parameters
    ----------
    folder
        Holds ``views/*/labels.tif`` (or .zarr) of one to three views; prob and dist beside them
        are used if there. Or, for method paper alone, ``prob/{xy,xz,yz}/slice_00000.tif`` and so
        on, as the published pipeline leaves them (`open_published_maps`).
    volume
        Grey values: outlines are refined and voids found with them.
    method
        ``consensus``, ``flow`` or ``paper``.
    downscale, min_voxels
        Of method paper, by default as published (`analysis.fuse`): fit them to the particles.
    out
        Label file to write, by default labels.tif or labels.zarr in `folder`; solid (if grey
        values are given) and fusion.csv go beside it: of flow.tif they are flow_solid.tif and
        flow_fusion.csv. Only what an earlier fusion wrote is replaced.
    field_of_view
        ``auto``, ``none`` or a mask file, as for `run`.
    format
        ``tiff``, in memory, or ``zarr``, in blocks; by default that of the views.
    scheduler, workers, memory
        Who fuses the blocks, and below what ceiling; as for `run`.

    Returns
    -------
    Path
        The label file.

    Raises
    ------
    FileNotFoundError, ValueError, OSError, RuntimeError
        If there are no views, their shapes do not belong to one volume, the files to write are
        not ours, another process is at work in their folder, or blocks failed.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import fuse, read_labels, segment
    >>> made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    >>> np.save("scan.npy", made.volume)
    >>> _ = segment("scan.npy", "results", diameter=12, voxel_size=made.spacing,
    ...             views=("xy", "xz", "yz"))
    >>> read_labels(fuse("results", volume="scan.npy")).shape
    (16, 40, 44)
    """
    folder = Path(folder)
    fusing = fusion_method(method, downscale, min_voxels)
    if format is None:
        chunked = (
            Path(out).suffix == ".zarr" if out else bool([*folder.glob("views/*/labels.zarr")])
        )
        format = "zarr" if chunked else "tiff"
    target = Path(out) if out is not None else folder / f"labels{SUFFIXES.get(format, '')}"
    if format == "zarr" and target.suffix != ".zarr":
        raise ValueError(f"{target}: --format zarr writes a folder; let its name end in .zarr")
    if format == "tiff" and target.suffix.lower() not in TIFF_SUFFIXES:
        raise ValueError(f"{target}: labels are written as TIFF; let the name end in .tif")
    published = has_published_maps(folder) and not any(folder.glob("views/*/labels.*"))
    if published and (method != "paper" or format == "zarr"):
        raise ValueError(
            f"{folder}: holds the distance maps of the published pipeline and no labels; fuse them "
            "with --method paper, in memory (--format tiff)"
        )
    grey = None if volume is None else open_volume(volume)
    for note in grey.notes if grey is not None else ():
        notice(note)
    with planned(format, scheduler, workers, memory) as plan:
        if plan.format == "zarr":
            _fuse_in_blocks(folder, grey, fusing, target, plan, field_of_view)
            return target
        if published:
            maps, size_of_views = open_published_maps(folder), None
        else:
            views, size_of_views = read_views(folder)
        size = _voxel_size(folder, grey, size_of_views)
        spacing = working_size(size)
        values = None
        if grey is not None:
            data = grey.loaded().data
            values = fill_outside(data, find_field_of_view(data, grey.source, field_of_view))
        with _claimed(target):
            try:
                if published:
                    fusion = fuse_published(maps, values, spacing, fusing)
                else:
                    fusion = analysis.fuse(views, values, spacing, **fusing)
            except ValueError as error:
                raise ValueError(f"{folder}: {error}") from error
            write_fusion(fusion, target, size)
    return target


@contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """Hold the folder of a label file whose name, and those of its companions, are free or ours."""
    with held(target.parent):
        if not made_by_older_version(target):
            check_replaceable([target, companion(target, "solid"), companion(target, "fusion")])
        yield


def _fuse_in_blocks(
    folder: Path,
    grey: Volume | None,
    fusing: Mapping[str, Any],
    target: Path,
    plan: Plan,
    field_of_view: str | os.PathLike[str],
) -> None:
    found = {
        view: {name: _stack_file(folder, view, name) for name in stacks_for(fusing["method"])}
        for view in VIEWS
        if _stack_file(folder, view, "labels").exists()
    }
    opened = {
        view: {name: open_volume(file) for name, file in files.items() if file.exists()}
        for view, files in found.items()
    }
    if not opened:
        raise _no_views(folder)
    view, first = next(iter(opened.items()))
    labels = as_known_to_run(first["labels"], folder)
    size = _voxel_size(folder, grey, in_volume(labels.known_size, view))
    spacing = working_size(size)
    shapes: dict[str, tuple[int, ...]] = {
        v: tuple(np.array(held["labels"].data.shape)[np.argsort(view_axes(v))])
        for v, held in opened.items()
    }
    shapes |= {} if grey is None else {"volume": grey.data.shape}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{folder}: not of one volume: (Z, Y, X) are {shapes}")
    seen = FieldOfView()
    if grey is not None:
        seen = find_field_of_view(grey.data, grey.source, field_of_view)
    stacks = {
        v: {n: held.voxels(plan.runner.remote) for n, held in some.items()}
        for v, some in opened.items()
    }
    diameter = typical_section(stacks, spacing)
    z, y, x = (int(n) for n in shapes[view])
    layout = plan.layout((z, y, x), spacing, diameter, folder)
    used = [stack.source for some in opened.values() for stack in some.values()]
    used += [] if grey is None else [split_dataset(grey.source)[0]]
    digests = [[str(file), files_digest(file)] for file in used]
    key = [fusing, vars(layout), seen.key, str(size), digests]
    with _claimed(target):
        work = BlockFusion(
            stacks,
            None if grey is None else grey.voxels(plan.runner.remote),
            seen.fill,
            seen.mask,
            spacing,
            size,
            fusing,
            layout,
            diameter,
            PieceStore(target.parent, f"fusion-{target.name}", key).path,
        )
        fuse_in_blocks(work, target, plan.runner)


def _stack_file(folder: Path, view: View, name: str) -> Path:
    """Name a view's stack, in the format in which its labels are there."""
    own = folder / "views" / view
    there = [suffix for suffix in SUFFIXES.values() if (own / f"labels{suffix}").exists()]
    if len(there) > 1:
        raise ValueError(
            f"{own}: holds labels.tif and labels.zarr; move away the files of one format"
        )
    return own / f"{name}{there[0] if there else SUFFIXES['tiff']}"


def _no_views(folder: Path) -> FileNotFoundError:
    return FileNotFoundError(
        f"{folder / 'views'}: holds no labels.tif of a view; run 'particlebridge segment' first"
    )


def _voxel_size(folder: Path, grey: Volume | None, of_views: KnownSize) -> KnownSize:
    """Choose the voxel size: the grey volume's if it records it in full, else that of the views."""
    if grey is not None and grey.spacing_from == "metadata":
        return grey.spacing
    of_grey = None if grey is None else grey.known_size
    size = best_known(of_views, of_grey)
    if not isinstance(size, tuple):
        what = "none" if size is None else "the ratio of the sides only"
        notice(
            f"{folder}: the voxel size is not known; the labels record {what}, and lengths in "
            "fusion.csv are in voxels"
        )
    return size


def read_views(folder: Path) -> tuple[dict[str, ViewStack], KnownSize]:
    """Map the stacks of a run folder's views and read what they record of the voxel size."""
    views: dict[str, ViewStack] = {}
    size: KnownSize = None
    for view in VIEWS:
        stacks: dict[str, np.ndarray] = {}
        for name in ("labels", "prob", "dist"):
            file = _stack_file(folder, view, name)
            if not file.exists():
                continue
            read = read_volume(file)
            stacks[name] = read_labels(file) if name == "labels" else read.data
            if name == "labels":
                own = in_volume(as_known_to_run(read, folder).known_size, view)
                size = best_known(own, size)
        if "labels" in stacks:
            views[view] = ViewStack(stacks["labels"], stacks.get("prob"), stacks.get("dist"))
    if not views:
        raise _no_views(folder)
    return views, size


def write_fusion(fusion: Fusion, target: Path, size: KnownSize) -> str:
    """Write labels, the mask of material where known, and the table of confidence.

    Parameters
    ----------
    fusion
        What to write.
    target
        The label file; the others are its `companion`s. What is there is replaced.
    size
        What is known of the voxel size (z, y, x): the files record it.

    Returns
    -------
    str
        The digest of the labels, which the mask records.
    """
    own = label_digest(fusion.labels)
    solid = companion(target, "solid")
    if fusion.solid is not None:
        assert fusion.void is not None
        say_void(told(fusion.void[1:]))
        mask = coded(fusion.solid, fusion.labels, fusion.void)
        write_mask(solid, mask, size, Recorded(own, target.name).note)
    else:
        # A mask of the labels that are replaced.
        solid.unlink(missing_ok=True)
    write_table(fusion.table.assign(Unit=length_unit(size)), companion(target, "fusion"))
    write_labels(target, fusion.labels, size, Recorded(own).note)
    return own
