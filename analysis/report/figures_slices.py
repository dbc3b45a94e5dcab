"""Slices of the volume with the particles' outlines and what they have lost."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from skimage.segmentation import find_boundaries

from .._shared.views import VIEWS, View, sampled_slices, view_spacing
from .._shared.wording import fixed, percent, plural
from .style import DOUBLE, SINGLE, Plate, axes_of, sheet, styled, written

OUTLINE, VOID, DOUBTFUL = "#e69f00", "#56b4e9", "#cc3311"
_SIDE = 900  # pixels a slice is shown with, at most
_LOOKS = 16  # slices of each view among which the worst is looked for
_DOUBT = 0.5

_AXES = {"xy": ("y", "x"), "xz": ("z", "x"), "yz": ("z", "y")}


def slices_plate(
    volume: ArrayLike,
    labels: ArrayLike,
    solid: ArrayLike | None,
    spacing: tuple[float, float, float],
    unit: str = "um",
) -> Plate:
    """Draw the middle slice of each view.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values; any array that slices like numpy's, memory-mapped or Zarr.
    labels
        (Z, Y, X) bodies.
    solid
        (Z, Y, X) bool, material voxels of the bodies; None: not known.
    spacing, unit
        Voxel size (z, y, x), and its unit.

    Returns
    -------
    Plate
        Its data: for each slice the particles it cuts and the shares of body and void.
    """
    middle: dict[View, int] = {v: np.shape(volume)[a] // 2 for a, v in enumerate(VIEWS)}
    figure, table = _drawn(volume, labels, solid, spacing, unit, middle)
    says = (
        f"The middle slices cut {', '.join(str(n) for n in table['particles'][:-1])} and "
        f"{table['particles'].iloc[-1]} particles (xy, xz, yz), whose bodies fill "
        f"{percent(table['body_share'].mean())} of the slices"
    )
    if solid is not None:
        says += f"; {percent(table['void_share_of_body'].mean())} of that is void"
    return Plate("slices", "The volume and its particles", says + ".", table, figure)


def middle_plate(
    volume: ArrayLike,
    labels: ArrayLike,
    solid: ArrayLike | None,
    spacing: tuple[float, float, float],
    unit: str,
    height: float,
) -> Plate:
    """Draw the middle xy slice alone, in one column of `height` mm; else as `slices_plate`."""
    middle: dict[View, int] = {"xy": np.shape(volume)[0] // 2}
    figure, table = _drawn(volume, labels, solid, spacing, unit, middle, height=height)
    says = (
        f"The middle xy slice cuts {plural(int(table['particles'].iloc[0]), 'particle')}, whose "
        f"bodies fill {percent(table['body_share'].iloc[0])} of it"
    )
    if solid is not None:
        says += f"; {percent(table['void_share_of_body'].iloc[0])} of that is void"
    return Plate("overview_slice", "Particles found", says + ".", table, figure)


def worst_plate(
    volume: ArrayLike,
    labels: ArrayLike,
    confidence: np.ndarray,
    spacing: tuple[float, float, float],
    unit: str = "um",
) -> Plate | None:
    """Draw the slice of each view in which the views agree least on the particles.

    Parameters
    ----------
    volume, labels, spacing, unit
        As in `slices_plate`.
    confidence
        Of each label, from 0 on; NaN where it is not known.

    Returns
    -------
    Plate or None
        None if no slice that is looked at cuts a particle.
    """
    worst: dict[View, int] = {}
    means: list[float] = []
    for axis, view in enumerate(VIEWS):
        found = {}
        for index in sampled_slices(np.shape(labels)[axis], _LOOKS):
            ids = _slice(labels, index, view)
            sure = _of(confidence, ids[ids > 0])
            if np.isfinite(sure).any():
                found[index] = float(np.nanmean(sure))
        if not found:
            return None
        worst[view] = min(found, key=lambda index: (found[index], index))
        means.append(found[worst[view]])
    doubtful = np.nan_to_num(confidence, nan=1.0) < _DOUBT
    figure, table = _drawn(volume, labels, None, spacing, unit, worst, doubtful)
    table["confidence"] = means
    says = (
        f"The slices with the least agreement of the views, out of {_LOOKS} looked at in each "
        f"direction: {', '.join(fixed(m) for m in means[:-1])} and {fixed(means[-1])} on average "
        f"over the particles in them (xy, xz, yz). Red: particles below {_DOUBT:g}."
    )
    return Plate("worst_slices", "Where the views agree least", says, table, figure)


@styled
def _drawn(
    volume: ArrayLike,
    labels: ArrayLike,
    solid: ArrayLike | None,
    spacing: tuple[float, float, float],
    unit: str,
    indices: Mapping[View, int],
    doubtful: np.ndarray | None = None,
    height: float | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw a slice of each view named, and count what it shows."""
    shape = np.shape(volume)
    heights = {v: _extent(shape, spacing, v) for v in indices}
    widths = [heights[v][1] for v in indices]
    tallest = max(heights[v][0] / heights[v][1] * w for v, w in zip(indices, widths, strict=True))
    if height is None:
        figure = sheet(DOUBLE, 12 + min(DOUBLE / sum(widths) * tallest, 140))
    else:
        figure = sheet(SINGLE, height)
    panels = axes_of(figure, 1, len(indices), width_ratios=widths)
    rows = []
    for axes, (view, index) in zip(panels, indices.items(), strict=True):
        grey, ids = _slice(volume, index, view), _slice(labels, index, view)
        material = None if solid is None else _slice(solid, index, view) > 0
        step, *pixel = view_spacing(spacing, view)
        _draw(axes, grey, ids, material, (pixel[0], pixel[1]), doubtful)
        frame_slice(axes, view, index * step, unit)
        body = ids > 0
        rows.append(
            {
                "view": view,
                "slice": index,
                f"position_{unit}": index * step,
                "particles": len(np.unique(ids[body])),
                "body_share": body.mean(),
                "void_share_of_body": (
                    np.nan if material is None else (body & ~material).sum() / max(body.sum(), 1)
                ),
            }
        )
    handles: list[Line2D | Patch] = [Line2D([], [], color=OUTLINE, label="particle body")]
    if solid is not None:
        handles.append(Patch(color=VOID, alpha=0.8, label="void in a body: its damage"))
    if doubtful is not None:
        handles.append(Line2D([], [], color=DOUBTFUL, label="the views hardly agree on it"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure, pd.DataFrame(rows)


def _extent(
    shape: tuple[int, ...], spacing: tuple[float, float, float], view: str
) -> tuple[float, float]:
    z, y, x = (n * s for n, s in zip(shape, spacing, strict=True))
    return {"xy": (y, x), "xz": (z, x), "yz": (z, y)}[view]


def _of(values: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Look up the values of labels; NaN for those that the table lacks."""
    known = np.append(values.astype(float), np.nan)
    return known[np.minimum(ids, values.size)]


def _slice(array: ArrayLike, index: int, view: str) -> np.ndarray:
    """Read one slice, and nothing else, of an array that may lie on disk."""
    at = {"xy": (index,), "xz": (slice(None), index), "yz": (slice(None), slice(None), index)}[view]
    return np.asarray(array[at])  # type: ignore[index, call-overload]


def _draw(
    axes: Axes,
    grey: np.ndarray,
    ids: np.ndarray,
    material: np.ndarray | None,
    pixel: tuple[float, float],
    doubtful: np.ndarray | None,
) -> None:
    every = max(1, -(-max(ids.shape) // _SIDE))
    grey, ids = grey[::every, ::every].astype(np.float32), ids[::every, ::every]
    picture = shaded(grey)
    if material is not None:
        tint_void(picture, (ids > 0) & ~material[::every, ::every])
    edge = find_boundaries(ids, mode="inner")
    picture[edge] = rgb(OUTLINE)
    if doubtful is not None:
        picture[edge & (_of(doubtful, ids) > 0)] = rgb(DOUBTFUL)
    height, width = (n * every * p for n, p in zip(ids.shape, pixel, strict=True))
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")


def frame_slice(axes: Axes, view: View, position: float, unit: str) -> None:
    """Name a slice, its position and its axes."""
    axes.set_title(f"{view}, {'zyx'[VIEWS.index(view)]} = {position:.3g} {written(unit)}")
    axes.set_ylabel(f"{_AXES[view][0]} ({written(unit)})", labelpad=1)
    axes.set_xlabel(f"{_AXES[view][1]} ({written(unit)})", labelpad=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=2, pad=1)


def shaded(grey: np.ndarray) -> np.ndarray:
    """Turn a slice of grey values into a picture, the brightest and darkest 0.5 % cut off."""
    finite = grey[np.isfinite(grey)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    shade = np.clip((np.nan_to_num(grey, nan=low) - low) / max(high - low, 1e-12), 0, 1)
    return np.repeat(shade.astype(np.float32)[..., None], 3, axis=2)


def tint_void(picture: np.ndarray, void: np.ndarray) -> None:
    """Colour the void of a picture, so that its grey values still show."""
    picture[void] = 0.35 * picture[void] + 0.65 * rgb(VOID)


def rgb(colour: str) -> np.ndarray:
    """Give the parts of a colour such as "#e69f00", 0 to 1."""
    return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)], dtype=np.float32)
