"""Fusing the views of a run folder into labels.tif, solid.tif and fusion.csv."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import VIEWS
from particlebridge.analysis._shared.views import View, view_axes
from particlebridge.analysis.io.images import TIFF_SUFFIXES

from .._shared.options import gathered, takes_options
from .._shared.progress import notice
from ..runs.folder_lock import held
from ..runs.piece_store import PieceStore
from ..runs.run_folder import RunFolder, files_digest
from ..runs.run_labels import as_known_to_run, made_by_older_version
from ..runs.sections import typical_section
from ..runs.work_options import WorkOptions
from ..runs.work_plan import Plan, planned
from ..volumes.chunked_source import split_dataset
from ..volumes.field_of_view import AUTO, FieldOfView, fill_outside, find_field_of_view
from ..volumes.inversion import with_bright_particles
from ..volumes.label_records import check_replaceable, companion
from ..volumes.labels import read_labels
from ..volumes.reading import Volume, open_volume
from ..volumes.voxel_size import KnownSize, best_known, in_volume, working_size
from .blocks import BlockFusion, fuse_in_blocks, stacks_for
from .options import FuseOptions
from .published_maps import fuse_published, has_published_maps, open_published_maps, write_fusion
from .verdict import models_of

SUFFIXES = {"tiff": ".tif", "zarr": ".zarr"}


@takes_options(FuseOptions, WorkOptions)
def fuse_folder(
    folder: str | os.PathLike[str],
    *,
    volume: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    field_of_view: str | os.PathLike[str] = AUTO,
    invert: bool = False,
    **options: Any,
) -> Path:
    """Fuse the views of a run folder into one label file; `analysis.fuse` does it with arrays.

    Parameters
    ----------
    folder
        Holds ``views/*/labels.tif`` (or .zarr) of one to three views; prob and dist beside them
        are used if there. Or, for method paper alone, ``prob/{xy,xz,yz}/slice_00000.tif`` and so
        on, as the published pipeline leaves them (`open_published_maps`).
    volume
        Grey values: outlines are refined and voids found with them.
    out
        Label file to write, by default labels.tif or labels.zarr in `folder`; solid (if grey
        values are given) and fusion.csv go beside it: of flow.tif they are flow_solid.tif and
        flow_fusion.csv. Only what an earlier fusion wrote is replaced.
    field_of_view, invert
        As in `ReadOptions`.
    **options
        Any option of `FuseOptions` and `WorkOptions`, by its name; the format is by default that
        of the views.

    Returns
    -------
    Path
        The label file.

    Raises
    ------
    TypeError
        If an option is none of these.
    FileNotFoundError, ValueError, OSError, RuntimeError
        If there are no views, their shapes do not belong to one volume, the files to write are
        not ours, another process is at work in their folder, or blocks failed.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import fuse_folder, read_labels, segment
    >>> made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    >>> np.save("scan.npy", made.volume)
    >>> _ = segment("scan.npy", "results", diameter=12, voxel_size=made.spacing,
    ...             views=("xy", "xz", "yz"))
    >>> read_labels(fuse_folder("results", volume="scan.npy")).shape
    (16, 40, 44)
    """
    folder = Path(folder)
    if options.get("format") is None:
        chunked = (
            Path(out).suffix == ".zarr" if out else bool([*folder.glob("views/*/labels.zarr")])
        )
        options["format"] = "zarr" if chunked else "tiff"
    chosen, work = gathered("fuse_folder", options, FuseOptions, WorkOptions)
    fusing = chosen.given()
    target = Path(out) if out is not None else folder / f"labels{SUFFIXES[work.format]}"
    if work.format == "zarr" and target.suffix != ".zarr":
        raise ValueError(f"{target}: --format zarr writes a folder; let its name end in .zarr")
    if work.format == "tiff" and target.suffix.lower() not in TIFF_SUFFIXES:
        raise ValueError(f"{target}: labels are written as TIFF; let the name end in .tif")
    published = has_published_maps(folder) and not any(folder.glob("views/*/labels.*"))
    if published and (chosen.method != "paper" or work.format == "zarr"):
        raise ValueError(
            f"{folder}: holds the distance maps of the published pipeline and no labels; fuse them "
            "with --method paper, in memory (--format tiff)"
        )
    grey: Volume | None = None
    if volume is not None:
        grey = with_bright_particles(open_volume(volume), invert)
    for note in grey.notes if grey is not None else ():
        notice(note)
    with planned(work) as plan:
        if grey is not None and plan.format == "tiff":
            grey = grey.loaded()
        if published:
            _fuse_published(folder, grey, fusing, target, field_of_view)
        else:
            _fuse_views(folder, grey, fusing, target, plan, field_of_view)
    return target


@contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """Hold the folder of a label file whose name, and those of its companions, are free or ours."""
    with held(target.parent):
        if not made_by_older_version(target):
            check_replaceable([target, companion(target, "solid"), companion(target, "fusion")])
        yield


def _fuse_published(
    folder: Path,
    grey: Volume | None,
    fusing: Mapping[str, Any],
    target: Path,
    field_of_view: str | os.PathLike[str],
) -> None:
    maps = open_published_maps(folder)
    values = None
    if grey is not None:
        data = np.asarray(grey.data)
        values = fill_outside(data, find_field_of_view(data, grey.source, field_of_view))
    size = _voxel_size(folder, grey, None)
    with _claimed(target):
        try:
            fusion = fuse_published(maps, values, working_size(size), fusing)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error
        write_fusion(fusion, target, size)


def _fuse_views(
    folder: Path,
    grey: Volume | None,
    fusing: Mapping[str, Any],
    target: Path,
    plan: Plan,
    field_of_view: str | os.PathLike[str],
) -> None:
    opened = _open_views(folder, stacks_for(fusing["method"]), plan)
    size: KnownSize = None
    for view, some in opened.items():
        known = as_known_to_run(some["labels"], folder).known_size
        size = best_known(in_volume(known, view), size)
    size = _voxel_size(folder, grey, size)
    spacing = working_size(size)
    shapes: dict[str, tuple[int, ...]] = {
        v: tuple(np.array(some["labels"].data.shape)[np.argsort(view_axes(v))])
        for v, some in opened.items()
    }
    shapes |= {} if grey is None else {"volume": grey.data.shape}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{folder}: not of one volume: (Z, Y, X) are {shapes}")
    seen = FieldOfView()
    if grey is not None:
        seen = find_field_of_view(grey.data, grey.source, field_of_view)
    remote = plan.block_runner.remote
    stacks = {v: {n: one.voxels(remote) for n, one in some.items()} for v, some in opened.items()}
    diameter = typical_section(stacks, spacing)
    z, y, x = (int(n) for n in next(iter(shapes.values())))
    block_grid = plan.block_grid((z, y, x), spacing, diameter, folder)
    used = [one.source for some in opened.values() for one in some.values()]
    used += [] if grey is None else [split_dataset(grey.source)[0]]
    digests = [[str(file), files_digest(file)] for file in used]
    notes = () if grey is None else grey.notes
    key = [fusing, vars(block_grid), seen.key, str(size), digests, notes]
    with _claimed(target):
        work = BlockFusion(
            source=folder,
            views=stacks,
            grey=None if grey is None else grey.voxels(remote),
            fill=seen.fill,
            mask=seen.mask,
            size=size,
            fusing=fusing,
            block_grid=block_grid,
            diameter=diameter,
            pieces=PieceStore(target.parent, f"fusion-{target.name}", key),
            models=models_of(_claims(folder)),
        )
        fuse_in_blocks(work, target, plan.block_runner)


def _claims(folder: Path) -> Mapping[str, Any]:
    """Read which model segmented each view, where a run recorded it."""
    claims: dict[str, Any] = {}
    if (folder / "run.json").is_file():
        claims = RunFolder(folder).record.get("claims", {})
    return claims


def _open_views(folder: Path, names: Sequence[str], plan: Plan) -> dict[View, dict[str, Volume]]:
    """Open the stacks of these names that are there, of each view that has labels."""
    opened: dict[View, dict[str, Volume]] = {}
    for view in VIEWS:
        files = {name: _stack_file(folder, view, name) for name in names}
        if not files["labels"].exists():
            continue
        stacks: dict[str, Volume] = {
            name: open_volume(file) for name, file in files.items() if file.exists()
        }
        if plan.format == "tiff":
            # As other programs save them too: whole numbers in float, for one.
            labels = read_labels(files["labels"]).reshape(stacks["labels"].data.shape)
            stacks["labels"] = replace(stacks["labels"], data=labels)
            stacks = {name: stack.loaded() for name, stack in stacks.items()}
        opened[view] = stacks
    if not opened:
        raise _no_views(folder)
    return opened


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
