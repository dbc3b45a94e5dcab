"""The volume's three middle slices with the particles' outlines and what they have lost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from skimage.segmentation import find_boundaries

from .._shared.views import VIEWS, view_spacing
from .._shared.wording import percent
from .style import DOUBLE, Plate, sheet, styled, written

OUTLINE, VOID = "#e69f00", "#56b4e9"
_SIDE = 900  # pixels a slice is shown with, at most

_AXES = {"xy": ("y", "x"), "xz": ("z", "x"), "yz": ("z", "y")}


@styled
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
    shape = np.shape(volume)
    heights = {v: _extent(shape, spacing, v) for v in VIEWS}
    widths = [heights[v][1] for v in VIEWS]
    tallest = max(heights[v][0] / heights[v][1] * w for v, w in zip(VIEWS, widths, strict=True))
    figure = sheet(DOUBLE, 12 + min(DOUBLE / sum(widths) * tallest, 140))
    panels = figure.subplots(1, 3, width_ratios=widths)
    rows = []
    for axes, view in zip(panels, VIEWS, strict=True):
        index = {"xy": shape[0], "xz": shape[1], "yz": shape[2]}[view] // 2
        grey, ids = _middle(volume, index, view), _middle(labels, index, view)
        material = None if solid is None else _middle(solid, index, view) > 0
        step, *pixel = view_spacing(spacing, view)
        _draw(axes, grey, ids, material, (pixel[0], pixel[1]))
        place = f"{index * step:.3g} {written(unit)}"
        axes.set_title(f"{view}, {('z', 'y', 'x')[VIEWS.index(view)]} = {place}")
        axes.set_ylabel(f"{_AXES[view][0]} ({written(unit)})", labelpad=1)
        axes.set_xlabel(f"{_AXES[view][1]} ({written(unit)})", labelpad=1)
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
    table = pd.DataFrame(rows)
    handles: list[Line2D | Patch] = [Line2D([], [], color=OUTLINE, label="particle body")]
    says = (
        f"The middle slices cut {', '.join(str(n) for n in table['particles'][:-1])} and "
        f"{table['particles'].iloc[-1]} particles (xy, xz, yz), whose bodies fill "
        f"{percent(table['body_share'].mean())} of the slices"
    )
    if solid is not None:
        handles.append(Patch(color=VOID, alpha=0.8, label="void in a body: its damage"))
        says += f"; {percent(table['void_share_of_body'].mean())} of that is void"
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return Plate("slices", "The volume and its particles", says + ".", table, figure)


def _extent(
    shape: tuple[int, ...], spacing: tuple[float, float, float], view: str
) -> tuple[float, float]:
    z, y, x = (n * s for n, s in zip(shape, spacing, strict=True))
    return {"xy": (y, x), "xz": (z, x), "yz": (z, y)}[view]


def _middle(array: ArrayLike, index: int, view: str) -> np.ndarray:
    """Read one slice, and nothing else, of an array that may lie on disk."""
    at = {"xy": (index,), "xz": (slice(None), index), "yz": (slice(None), slice(None), index)}[view]
    return np.asarray(array[at])  # type: ignore[index, call-overload]


def _draw(
    axes: Axes,
    grey: np.ndarray,
    ids: np.ndarray,
    material: np.ndarray | None,
    pixel: tuple[float, float],
) -> None:
    every = max(1, -(-max(ids.shape) // _SIDE))
    grey, ids = grey[::every, ::every].astype(np.float32), ids[::every, ::every]
    finite = grey[np.isfinite(grey)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    shade = np.clip((np.nan_to_num(grey, nan=low) - low) / max(high - low, 1e-12), 0, 1)
    picture = np.repeat(shade[..., None], 3, axis=2)
    if material is not None:
        lost = (ids > 0) & ~material[::every, ::every]
        picture[lost] = 0.35 * picture[lost] + 0.65 * _rgb(VOID)
    picture[find_boundaries(ids, mode="inner")] = _rgb(OUTLINE)
    height, width = (n * every * p for n, p in zip(ids.shape, pixel, strict=True))
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=2, pad=1)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)], dtype=np.float32)
