"""What the published pipeline of Li et al. leaves for its fusion: folders of distance maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge import analysis
from particlebridge.analysis import Fusion
from particlebridge.analysis.io.errors import check_memory
from particlebridge.analysis.material.void_evidence import WORDS, coded, told
from PIL import Image

from .._shared.progress import notice
from ..runs.void_words import say_void
from ..volumes.label_records import Recorded, companion, label_digest
from ..volumes.reading import open_volume
from ..volumes.stored_arrays import AnyArray, planes
from ..volumes.tables import write_table
from ..volumes.voxel_size import KnownSize, Spacing, length_unit
from ..volumes.writing import write_labels, write_mask

NAMES = ("xy", "xz", "yz")
# StarDist's grids: the maps are the image's size divided by one of them.
_GRIDS = (1, 2, 4)
# Side of the small volume on which the views are compared.
_SMALL = 48


@dataclass(frozen=True)
class PublishedMaps:
    """Distance maps in ``prob/xy``, ``prob/xz`` and ``prob/yz``, and how they lie in the volume.

    Attributes
    ----------
    folder
        The folder ``prob``.
    stacks
        Folder name -> its slices.
    shape
        (Z, Y, X) of the volume.
    axes
        Folder name -> the axis of the volume across which its slices are cut.
    """

    folder: Path
    stacks: Mapping[str, AnyArray]
    shape: tuple[int, int, int]
    axes: Mapping[str, int]

    def added(self) -> np.ndarray:
        """Enlarge all maps to the volume's size and add them up.

        Returns
        -------
        ndarray of float32, shape (Z, Y, X)

        Notes
        -----
        Enlarged by cubic convolution with a = -1/2, as MATLAB's imresize does.
        """
        total = np.zeros(self.shape, np.float32)
        for name, stack in self.stacks.items():
            across = np.moveaxis(total, self.axes[name], 0)
            for plane, part in zip(across, planes(stack), strict=True):
                values = Image.fromarray(np.ascontiguousarray(part, np.float32))
                size = plane.shape[::-1]
                plane += np.asarray(values.resize(size, Image.Resampling.BICUBIC))
        return total


def has_published_maps(folder: Path) -> bool:
    """Tell whether a folder holds maps of the published pipeline."""
    return any((folder / "prob" / name).is_dir() for name in NAMES)


def open_published_maps(folder: Path) -> PublishedMaps:
    """Open the maps and find out how they lie.

    Parameters
    ----------
    folder
        Holds ``prob/xy``, ``prob/xz`` and ``prob/yz``, each with ``slice_00000.tif`` and so on.

    Returns
    -------
    PublishedMaps

    Raises
    ------
    FileNotFoundError
        If one of the three is not there.
    ValueError
        If their sizes are not those of one volume.

    Notes
    -----
    The public code stacks the slices of ``yz`` along the last axis of its volume, which is our Z:
    its yz is our xy. Its xy and xz are cut across its first and second axis, the rows and the
    columns of ``yz``'s slices: our xz and yz. Pipelines that call the columns x leave them
    the other way round. The sizes tell; where rows and columns are as many, the agreement of the
    maps does.
    """
    top = folder / "prob"
    for name in NAMES:
        if not (top / name).is_dir():
            raise FileNotFoundError(
                f"{top / name}: no such folder; the published fusion adds the maps of xy, xz and yz"
            )
    stacks: dict[str, AnyArray] = {name: open_volume(top / name).data for name in NAMES}
    depth, first, second = (len(stacks[name]) for name in ("yz", "xy", "xz"))
    ways = [
        PublishedMaps(top, stacks, (depth, rows, columns), {"yz": 0, "xy": a, "xz": 3 - a})
        for a, rows, columns in ((1, first, second), (2, second, first))
    ]
    fitting = [way for way in ways if _fits(way)]
    if not fitting:
        shapes = ", ".join(f"{name} {stack.shape}" for name, stack in stacks.items())
        raise ValueError(
            f"{top}: not of one volume: slices, height and width are {shapes}; the height of xy "
            "and of xz, twice, should be the number of slices of yz, and so on"
        )
    way, why = fitting[0], "by their sizes"
    if len(fitting) > 1:
        alike = [_agreement(way) for way in fitting]
        way = fitting[int(np.argmax(alike))]
        why = f"for so the maps correlate by {max(alike):.2f}, else by {min(alike):.2f}"
    ours = {1: "xz", 2: "yz"}
    notice(
        f"{top}: its yz is our xy, its xy our {ours[way.axes['xy']]} and its xz our "
        f"{ours[way.axes['xz']]}, {why}"
    )
    return way


def fuse_published(
    maps: PublishedMaps,
    grey: np.ndarray | None,
    spacing: Spacing,
    settings: Mapping[str, Any],
) -> Fusion:
    """Fuse maps of the published pipeline by method paper.

    Parameters
    ----------
    maps
        Opened.
    grey
        (Z, Y, X) grey values, or None.
    spacing
        Voxel size (z, y, x), um.
    settings
        As `FuseOptions.given` gives them.

    Returns
    -------
    Fusion
        Without labels of the views nothing is known of their agreement: confidence is NaN.

    Raises
    ------
    ValueError
        If the grey values are of another shape (rows and columns may be exchanged), or all does
        not fit into memory.
    """
    z, y, x = maps.shape
    exchanged = grey is not None and y != x and grey.shape == (z, x, y)
    if exchanged:
        notice(f"{maps.folder}: rows and columns are exchanged, for so the grey values have them")
    elif grey is not None and grey.shape != maps.shape:
        raise ValueError(
            f"{maps.folder}: is of a volume of {maps.shape} voxels (Z, Y, X), but the grey values "
            f"have {grey.shape}"
        )
    voxels = int(np.prod(maps.shape))
    check_memory(12 * voxels, maps.folder, "adding up the maps", "crop the slices")
    total = maps.added().swapaxes(1, 2) if exchanged else maps.added()
    scale = {name: value for name, value in settings.items() if name != "method"}
    labels = analysis.paper_fusion({"xy": total}, **scale)
    sizes = np.bincount(labels.ravel(), minlength=1)[1:]
    table = pd.DataFrame(
        {
            "label": np.arange(1, sizes.size + 1, dtype=np.int32),
            "Volume": sizes * float(np.prod(spacing)),
            "confidence": np.nan,
        }
    )
    if grey is None:
        return Fusion(labels, None, table)
    solid, void = analysis.find_void(grey, labels, spacing)
    table["Void"] = np.array(WORDS)[void[1:]]
    return Fusion(labels, solid, table, void)


def write_fusion(fusion: Fusion, target: Path, size: KnownSize) -> None:
    """Write labels, the mask of material where known, and the table of confidence.

    Parameters
    ----------
    fusion
        What to write.
    target
        The label file; the others are its `companion`s. What is there is replaced.
    size
        What is known of the voxel size (z, y, x): the files record it.
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


def _fits(way: PublishedMaps) -> bool:
    """Tell whether all slices are the volume's, divided by one grid."""

    def fit(grid: int) -> bool:
        return all(
            abs(grid * have - whole) < grid
            for name, stack in way.stacks.items()
            for have, whole in zip(stack.shape[1:], _across(way, name), strict=True)
        )

    return any(map(fit, _GRIDS))


def _across(way: PublishedMaps, name: str) -> tuple[int, ...]:
    return tuple(n for axis, n in enumerate(way.shape) if axis != way.axes[name])


def _agreement(way: PublishedMaps) -> float:
    """Correlate the three views on a small grid of voxels."""
    small = [np.linspace(0, n - 1, min(n, _SMALL)).astype(int) for n in way.shape]
    seen = []
    for name, stack in way.stacks.items():
        across = [s for axis, s in enumerate(small) if axis != way.axes[name]]
        rows, columns = (
            (index * have // whole).clip(max=have - 1)
            for index, have, whole in zip(across, stack.shape[1:], _across(way, name), strict=True)
        )
        part = np.stack([np.asarray(stack[int(i)]) for i in small[way.axes[name]]])
        seen.append(np.moveaxis(part[:, rows][:, :, columns], 0, way.axes[name]).ravel())
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = np.asarray(np.corrcoef(np.asarray(seen, np.float64)))
    return float(np.nan_to_num(pairs)[np.triu_indices(3, 1)].mean())
