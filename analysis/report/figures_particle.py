"""Figures of one particle: cuts through it, profiles of its void, its features, its SHAP values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.segmentation import find_boundaries

from .._shared.views import VIEWS, view_spacing
from .._shared.wording import fixed, listing, number, percent, plural
from ..explanation.result import PARTICLE_KEYS
from ..features.columns import COLUMNS, LengthUnit
from .figures_slices import OUTLINE, frame_slice, rgb, shaded, tint_void
from .style import (
    DOUBLE,
    FAINT,
    GROUP_COLOURS,
    INK,
    MUTED,
    STATE_COLOURS,
    Plate,
    axes_of,
    sheet,
    styled,
    unit_of,
    written,
)

_OTHERS = "#8b949c"
_BARS = 9


@dataclass(frozen=True, eq=False)
class Cutout:
    """The voxels around one particle.

    Attributes
    ----------
    label
        Of the particle.
    labels
        (Z, Y, X) bodies in the box around it.
    grey, solid
        (Z, Y, X) grey values, and bool, material of the bodies; None: not known.
    start
        Index (z, y, x) of the box's first voxel in the volume.
    spacing, unit
        Voxel size (z, y, x), and its unit.
    """

    label: int
    labels: np.ndarray
    grey: np.ndarray | None
    solid: np.ndarray | None
    start: tuple[int, int, int]
    spacing: tuple[float, float, float]
    unit: LengthUnit

    @property
    def body(self) -> np.ndarray:
        """Where the particle is."""
        return self.labels == self.label


@styled
def cuts_plate(cutout: Cutout) -> Plate:
    """Draw the three cuts through the middle of a particle."""
    body = cutout.body
    middle = [round(float(np.mean(at))) for at in np.nonzero(body)]
    figure = sheet(DOUBLE, 74)
    panels = axes_of(figure, 1, 3)
    rows = []
    for axis, (axes, view) in enumerate(zip(panels, VIEWS, strict=True)):
        index = middle[axis]
        ids, own = (a.take(index, axis) for a in (cutout.labels, body))
        grey = 0.9 * (ids == 0) if cutout.grey is None else cutout.grey.take(index, axis)
        picture = shaded(np.asarray(grey, np.float32))
        void = np.zeros_like(own)
        if cutout.solid is not None:
            void = own & ~cutout.solid.take(index, axis)
            tint_void(picture, void)
        picture[find_boundaries(ids, mode="inner")] = rgb(_OTHERS)
        picture[find_boundaries(own, mode="inner")] = rgb(OUTLINE)
        step, *pixel = view_spacing(cutout.spacing, view)
        first = [s for k, s in enumerate(cutout.start) if k != axis]
        top, left = (s * p for s, p in zip(first, pixel, strict=True))
        height, width = (n * p for n, p in zip(ids.shape, pixel, strict=True))
        axes.imshow(
            picture, extent=(left, left + width, top + height, top), interpolation="nearest"
        )
        at = (cutout.start[axis] + index) * step
        frame_slice(axes, view, at, cutout.unit)
        rows.append(
            {
                "view": view,
                "slice": cutout.start[axis] + index,
                f"position_{cutout.unit}": at,
                "body_voxels": int(own.sum()),
                "void_voxels": int(void.sum()) if cutout.solid is not None else np.nan,
            }
        )
    says = "Cuts through its middle: this particle (orange), its neighbours (grey)"
    says += " and its void (blue)." if cutout.solid is not None else "; its void is not known."
    return Plate(f"{cutout.label}_cuts", "Three cuts", says, pd.DataFrame(rows), figure)


@styled
def profile_plate(cutout: Cutout) -> Plate:
    """Draw grey values and void share of a particle along depth, and from its surface inwards."""
    body, unit = cutout.body, written(cutout.unit)
    # The particle's surface is also where the field of view ends: padding is outside.
    inside = ndimage.distance_transform_edt(np.pad(body, 1), sampling=cutout.spacing)
    inwards = inside[1:-1, 1:-1, 1:-1][body]
    z = (np.nonzero(body)[0] + cutout.start[0]) * cutout.spacing[0]
    steps = np.linspace(0, inwards.max() * (1 + 1e-9), int(np.clip(len(inwards) ** (1 / 3), 3, 9)))
    shell = steps[np.searchsorted(steps, inwards) - 1] + steps[1] / 2
    table = pd.concat(
        [_profile(cutout, name, at) for name, at in (("depth", z), ("from_surface", shell))]
    )
    kinds = [k for k in ("void_share", "grey_mean") if table[k].notna().any()]
    figure = sheet(DOUBLE, 14 + 38 * len(kinds))
    panels = axes_of(figure, len(kinds), 2, sharex="col", sharey="row")
    for row, kind in enumerate(kinds):
        for axes, along in zip(panels[2 * row : 2 * row + 2], table["along"].unique(), strict=True):
            own = table[table["along"] == along]
            factor = 100 if kind == "void_share" else 1
            axes.plot(own["at"], factor * own[kind], marker="o", ms=3, color=STATE_COLOURS[row])
            if row == len(kinds) - 1:
                names = {"depth": "depth Z", "from_surface": "distance from its surface"}
                axes.set_xlabel(f"{names[str(along)]} ({unit})")
        if kind == "void_share":
            panels[2 * row].set_ylim(0)
        panels[2 * row].set_ylabel({"void_share": "void (%)", "grey_mean": "mean grey value"}[kind])
    says = "Its void is not known."
    if "void_share" in kinds:
        shells = table[table["along"] == "from_surface"]
        outer, inner = shells["void_share"].iloc[0], shells["void_share"].iloc[-1]
        says = (
            f"{percent(outer)} of the outermost shell of the particle is void, and "
            f"{percent(inner)} of its middle."
        )
    title = "From bottom to top, and from the surface to the middle"
    return Plate(f"{cutout.label}_profile", title, says, table, figure)


def _profile(cutout: Cutout, along: str, at: np.ndarray) -> pd.DataFrame:
    body = cutout.body
    grey = np.nan if cutout.grey is None else cutout.grey[body].astype(float)
    void = np.nan if cutout.solid is None else 1.0 - cutout.solid[body]
    table = pd.DataFrame({"at": at, "void_share": void, "grey_mean": grey})
    means = table.groupby("at", as_index=False).mean()
    means.insert(0, "along", along)
    return means.assign(voxels=table.groupby("at").size().to_numpy())


def places(row: pd.Series, table: pd.DataFrame) -> pd.DataFrame:
    """Compare a particle with the whole ones of its table.

    Returns
    -------
    DataFrame
        feature, group, value, median and percentile (the share of them below it; equal ones count
        half): for every feature known of the particle.
    """
    rows = []
    for name, column in COLUMNS.items():
        if column.group == "key" or name not in table or pd.isna(row[name]):
            continue
        known = table[name].dropna()
        if known.empty:
            continue
        below = (known < row[name]).mean() + (known == row[name]).mean() / 2
        rows.append((name, column.group, float(row[name]), known.median(), 100 * below))
    return pd.DataFrame(rows, columns=["feature", "group", "value", "median", "percentile"])


@styled
def features_plate(label: int, found: pd.DataFrame, table: pd.DataFrame) -> Plate:
    """Draw where a particle lies among all, feature by feature.

    Parameters
    ----------
    label
        Of the particle.
    found
        As `places` gives it.
    table
        The whole particles.
    """
    figure = sheet(120, 14 + 4 * len(found))
    (axes,) = axes_of(figure, 1, 1)
    at = np.arange(len(found))
    axes.hlines(at, 0, 100, color=FAINT, lw=0.6)
    axes.axvline(50, color=MUTED, lw=0.6)
    colours = [GROUP_COLOURS.get(g, INK) for g in found["group"]]
    axes.scatter(found["percentile"], at, s=26, color=colours, zorder=3)
    for k, (name, value) in enumerate(zip(found["feature"], found["value"], strict=True)):
        axes.text(
            1.02, k, f"{number(value, 3)} {unit_of(name, table)}".strip(), va="center",
            fontsize=6.5, transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_yticks(at, found["feature"])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(-2, 102)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"percentile among {plural(len(table), 'whole particle')}")
    far = found[(found["percentile"] >= 95) | (found["percentile"] <= 5)]
    words = [
        f"{r.feature} ({'high' if r.percentile > 50 else 'low'}, {number(r.value, 3)}; median "
        f"{number(r.median, 3)})"
        for r in far.itertuples()
    ]
    says = "None of its features is among the outermost 5 % on either side."
    if words:
        says = f"Among the outermost 5 % on either side: {listing(words)}."
    return Plate(f"{label}_features", "Among all particles", says, found, figure)


def contributions(explained: pd.Series) -> pd.Series:
    """Give the SHAP values in a row of `Explanation.by_particle`, the largest first."""
    values = explained.drop([k for k in PARTICLE_KEYS if k in explained]).astype(float)
    return values.sort_values(key=np.abs, ascending=False)


@styled
def shap_plate(label: int, explained: pd.Series, row: pd.Series) -> Plate:
    """Draw how the features of a particle lead from the average prediction to its own.

    Parameters
    ----------
    label
        Of the particle.
    explained
        Its row of `Explanation.by_particle`.
    row
        Its features.
    """
    values = contributions(explained)
    names = [f"{n} = {number(float(row[n]), 3)}" if n in row else n for n in values.index]
    steps = list(zip(names[:_BARS], values[:_BARS], strict=True))
    if len(values) > _BARS:
        steps.append((f"{len(values) - _BARS} others", float(values[_BARS:].sum())))
    base, end = 100 * float(explained["base"]), 100 * float(explained["base"] + values.sum())
    figure = sheet(120, 20 + 5 * len(steps))
    (axes,) = axes_of(figure, 1, 1)
    at = base
    for k, (_, step) in enumerate(steps):
        colour = STATE_COLOURS[1] if step > 0 else STATE_COLOURS[0]
        axes.barh(k, 100 * step, 0.68, left=at, color=colour)
        axes.text(
            max(at, at + 100 * step), k, f" {'+' if step > 0 else ''}{number(100 * step)}",
            va="center", fontsize=6.5,
        )  # fmt: skip
        at += 100 * step
        axes.plot([at, at], [k - 0.34, min(k + 1.34, len(steps) - 0.6)], color=MUTED, lw=0.5)
    axes.axvline(base, color=MUTED, lw=0.8, ls=(0, (1, 2)), label=f"average, {number(base, 3)} %")
    axes.axvline(end, color=INK, lw=0.9, label=f"the forest, {number(end, 3)} %")
    observed = 100 * float(explained["observed"])
    if np.isfinite(observed):
        axes.axvline(
            observed, color=STATE_COLOURS[2], lw=0.9, ls=(0, (4, 2)),
            label=f"observed, {number(observed, 3)} %",
        )  # fmt: skip
    axes.set_yticks(range(len(steps)), [name for name, _ in steps])
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)
    axes.set_xlabel("predicted Damage (%)")
    figure.legend(loc="outside lower center", ncols=3)
    says = (
        f"From the average of {number(base, 3)}\u202f% the forest comes to "
        f"{number(end, 3)}\u202f%; {number(observed, 3)}\u202f% were observed. Trees that did not "
        f"see this particle predict {number(100 * float(explained['predicted']), 3)}\u202f%."
    )
    data = pd.DataFrame({"step": [n for n, _ in steps], "shap": [v for _, v in steps]})
    return Plate(f"{label}_shap", "Why this Damage is predicted", says, data, figure)


def agreement_words(fused: pd.Series | None) -> str:
    """Say how far the views agree on a particle."""
    if fused is None or pd.isna(fused.get("confidence")):
        return "How far the views agree on it is not known."
    views = {n.removeprefix("agreement_"): fused[n] for n in fused.index if "agreement_" in n}
    told = listing(f"{view} {fixed(float(v))}" for view, v in views.items() if pd.notna(v))
    all_views = fixed(float(fused["confidence"]))
    return f"The views agree on it by {all_views} (1: the same voxels; {told})."
