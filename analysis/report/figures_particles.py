"""Figures of the particles: sizes, damage, damage along depth, orientation, confidence."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator
from scipy import stats

from .._shared.wording import (
    capital,
    fixed,
    in_state,
    listing,
    number,
    p_value,
    percent,
    plural,
    state_name,
)
from ..explanation.statistics import spearman
from .style import (
    DOUBLE,
    FAINT,
    SINGLE,
    STATE_COLOURS,
    Plate,
    axes_of,
    axis_name,
    ball_diameter,
    length_unit,
    sheet,
    states_of,
    styled,
    unit_of,
    written,
)

# Below this elongation the long axis of a particle is chance.
ELONGATED = 1.3


@styled
def size_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw the distribution of equivalent diameters, by number and by volume."""
    figure = sheet(DOUBLE, 58)
    left, right = axes_of(figure, 1, 2)
    unit = unit_of("DistNearest", *tables.values())
    parts, says = [], []
    sizes = {s: ball_diameter(t["Volume"]) for s, t in tables.items()}
    every = np.concatenate(list(sizes.values()))
    edges = np.geomspace(every.min() * 0.98, every.max() * 1.02, 25).tolist()
    for state, table, colour in states_of(tables):
        d, v = sizes[state].to_numpy(), table["Volume"].to_numpy()
        left.hist(d, edges, histtype="stepfilled", color=colour, alpha=0.25)
        left.hist(d, edges, histtype="step", color=colour, label=state_name(state))
        order = np.argsort(d)
        right.step(d[order], 100 * np.cumsum(v[order]) / v.sum(), color=colour, where="post")
        half = d[order][np.searchsorted(np.cumsum(v[order]), v.sum() / 2)]
        low, middle, high = np.quantile(d, [0.1, 0.5, 0.9])
        parts.append(pd.DataFrame({"state": state, "label": table["label"], "diameter": d}))
        says.append(
            f"{in_state(state, list(tables))}{plural(len(d), 'particle')}, median diameter "
            f"{number(middle, 3)} {unit}, 80\u202f% of them between {number(low, 3)} and "
            f"{number(high, 3)} {unit}; half of the material is in particles larger than "
            f"{number(half, 3)} {unit}."
        )
    for axes in (left, right):
        axes.set_xscale("log")
        _number_sizes(axes.xaxis, edges[0], edges[-1])
        axes.set_xlabel(f"equivalent diameter ({unit})")
    left.set_ylabel("particles")
    right.set_ylabel("share of the volume in\nparticles up to this size (%)")
    right.axhline(50, color=FAINT, lw=0.6, zorder=0)
    if len(tables) > 1:
        left.legend()
    return Plate("size_distribution", "Particle size", capital(says), pd.concat(parts), figure)


@styled
def damage_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw the distribution of Damage."""
    figure = sheet(SINGLE, 62)
    (axes,) = axes_of(figure, 1, 1)
    every = 100 * np.concatenate([t["Damage"] for t in tables.values()])
    edges = np.linspace(0, max(np.quantile(every, 0.995), 1.0), 25).tolist()
    parts, says = [], []
    for state, table, colour in states_of(tables):
        damage = table["Damage"].to_numpy()
        weights = np.full(len(damage), 100 / len(damage))
        clipped = np.clip(100 * damage, 0, edges[-1])
        axes.hist(clipped, edges, weights=weights, histtype="stepfilled", color=colour, alpha=0.25)
        axes.hist(
            clipped, edges, weights=weights, histtype="step", color=colour, label=state_name(state)
        )
        axes.axvline(100 * damage.mean(), color=colour, ls=(0, (4, 2)), lw=0.9)
        low, high = mean_interval(damage)
        overall = np.average(damage, weights=table["Volume"])
        worst = np.sort(damage)[-max(1, len(damage) // 10) :].sum() / max(damage.sum(), 1e-12)
        parts.append(pd.DataFrame({"state": state, "label": table["label"], "Damage": damage}))
        says.append(
            f"{in_state(state, list(tables))}mean {percent(damage.mean())} (95\u202f% interval "
            f"{fixed(100 * low, 1)} to {fixed(100 * high, 1)}\u202f%), median "
            f"{percent(float(np.median(damage)))}; weighted by volume {percent(float(overall))}. "
            "The most damaged tenth of the particles has "
            f"{percent(float(worst))} of all Damage."
        )
    axes.set_xlabel("Damage (void share of the body, %)")
    axes.set_ylabel("particles (%)")
    axes.set_xlim(0)
    if len(tables) > 1:
        axes.legend()
    says.append("Dashed: means.")
    return Plate(
        "damage_distribution", "Damage of the particles", capital(says), pd.concat(parts), figure
    )


@styled
def depth_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw Damage against depth with means of equally many particles."""
    figure = sheet(DOUBLE, 62)
    panels = axes_of(figure, 1, len(tables), sharey=True, sharex=True)
    parts, says = [], []
    unit = unit_of("Z", *tables.values())
    top = max(float(t["Damage"].quantile(0.995)) for t in tables.values())
    for axes, (state, table, colour) in zip(panels, states_of(tables), strict=True):
        z, damage = table["Z"].to_numpy(), table["Damage"].to_numpy()
        axes.scatter(z, 100 * damage, s=6, color=colour, alpha=0.4, lw=0, rasterized=len(z) > 3000)
        centre, mean, half = binned_means(z, damage)
        axes.errorbar(
            centre, 100 * mean, 100 * half, color="black", marker="o", ms=3, lw=1, capsize=2
        )
        parts.append(
            pd.DataFrame({"state": state, "label": table["label"], "Z": z, "Damage": damage})
        )
        says.append(
            f"{in_state(state, list(tables))}the mean is {percent(mean[0])} around "
            f"Z = {number(centre[0], 3)} {unit} and {percent(mean[-1])} around "
            f"{number(centre[-1], 3)} {unit}, highest around "
            f"{number(centre[mean.argmax()], 3)} {unit}."
        )
        axes.set_xlabel(f"depth {axis_name('Z', *tables.values())}")
        if len(tables) > 1:
            axes.set_title(state_name(state))
    panels[0].set_ylabel("Damage (%)")
    panels[0].set_ylim(-2 * top, 105 * top)
    says.append("Black: means of equally many particles with their 95\u202f% intervals.")
    return Plate("damage_depth", "Damage along depth", capital(says), pd.concat(parts), figure)


@styled
def orientation_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw roses of the long axes of elongated particles: within the XY plane, and out of it."""
    figure = sheet(DOUBLE, 70)
    left: Any  # matplotlib's stubs know no polar axes here
    right: Any
    left, right = axes_of(figure, 1, 2, subplot_kw={"projection": "polar"})
    bins = np.deg2rad(np.arange(0, 181, 15))
    # Steps of equal solid angle: directions at random fill them equally.
    steps = np.arcsin(np.linspace(0, 1, 7))
    parts, says = [], []
    for state, table, colour in states_of(tables):
        long = table[table["Elongation"] > ELONGATED].dropna(subset=["Yaw", "Pitch"])
        yaw = np.deg2rad(long["Yaw"].to_numpy() % 180)
        pitch = np.deg2rad(np.abs(long["Pitch"].to_numpy()))
        parts.append(
            pd.DataFrame(
                {"state": state, "label": long["label"], "Yaw": np.rad2deg(yaw),
                 "Pitch": np.rad2deg(pitch), "Elongation": long["Elongation"]}
            )
        )  # fmt: skip
        if len(long) < 10:
            says.append(
                f"{in_state(state, list(tables))}only {plural(len(long), 'particle')} elongated "
                f"enough (longest over shortest axis above {ELONGATED}) to have a direction."
            )
            continue
        style: dict[str, Any] = {"color": colour, "alpha": 0.35, "ec": colour, "lw": 0.7}
        counts = np.tile(np.histogram(yaw, bins)[0] / len(yaw) * (len(bins) - 1), 2)
        angles = np.concatenate([bins[:-1], bins[:-1] + np.pi])
        left.bar(angles, counts, bins[1], align="edge", **style)
        seen = np.histogram(np.clip(pitch, 0, steps[-1]), steps)[0] / len(pitch) * (len(steps) - 1)
        right.bar(steps[:-1], seen, np.diff(steps), align="edge", label=state_name(state), **style)
        resultant = np.abs(np.exp(2j * yaw).mean())
        p = float(np.exp(-len(yaw) * resultant**2))
        way = np.rad2deg(np.angle(np.exp(2j * yaw).mean()) / 2) % 180
        flat = float(stats.kstest(np.sin(pitch), "uniform").pvalue)
        in_plane = f"point to {way:.0f}°" if p < 0.01 else "point in no preferred direction"
        out = "are tilted out of it at random"
        if flat < 0.01:
            flatter = np.sin(pitch).mean() < 0.5
            out = f"lie {'flatter' if flatter else 'steeper'} than directions at random"
        says.append(
            f"{in_state(state, list(tables))}the {len(long)} elongated particles (longest over "
            f"shortest axis above {ELONGATED}) {in_plane} in the XY plane (Rayleigh test, "
            f"{p_value(p)}) and {out} ({p_value(flat)})."
        )
    for axes, title in ((left, "in the XY plane (Yaw)"), (right, "out of it (|Pitch|)")):
        axes.set_title(title, loc="center", pad=8)
        axes.grid(color=FAINT, lw=0.5)
        axes.spines["polar"].set_color(FAINT)
        axes.plot(
            np.linspace(0, 2 * np.pi, 200), np.ones(200), color="black", lw=0.8, ls=(0, (3, 2))
        )
        top = max(1.5, axes.get_ylim()[1])
        axes.set_ylim(0, top)
        axes.set_yticks([r for r in (1, 2, 3, 4) if r < top], [])
    left.set_thetagrids(np.arange(0, 360, 45))
    right.set_thetamin(0)
    right.set_thetamax(90)
    if len(tables) > 1 and right.containers:
        right.legend(loc="upper left", bbox_to_anchor=(0.8, 1.05))
    says.append("Dashed: directions at random.")
    return Plate(
        "orientation", "Orientation of elongated particles", capital(says), pd.concat(parts), figure
    )


@styled
def confidence_plate(fusion: pd.DataFrame) -> Plate:
    """Draw how far the views agree on each particle, by count and against size.

    Parameters
    ----------
    fusion
        label, Volume, confidence, and agreement_VIEW where known; scan, if of several volumes.
    """
    known = fusion.dropna(subset=["confidence"])
    confidence = known["confidence"].to_numpy()
    figure = sheet(DOUBLE, 56)
    left, right = axes_of(figure, 1, 2, sharex=True)
    edges = np.linspace(0, 1, 26).tolist()
    left.hist(confidence, edges, color=STATE_COLOURS[0], alpha=0.35, label="mean of the views")
    views = [c for c in known.columns if c.startswith("agreement_")]
    for column, colour in zip(views, STATE_COLOURS[1:], strict=False):
        name = column.removeprefix("agreement_")
        left.hist(known[column], edges, histtype="step", color=colour, lw=0.9, label=name)
    left.set_xlabel("agreement with the views (IoU)")
    left.set_ylabel("particles")
    left.set_xlim(0, 1)
    left.legend(loc="upper left")
    diameter = ball_diameter(known["Volume"])
    right.scatter(confidence, diameter, s=6, lw=0, alpha=0.4, color=STATE_COLOURS[0],
                  rasterized=len(known) > 3000)  # fmt: skip
    right.set_yscale("log")
    _number_sizes(right.yaxis, *right.get_ylim())
    right.set_xlabel("agreement, mean of the views (IoU)")
    right.set_ylabel(f"equivalent diameter ({written(length_unit(fusion))})")
    low = known.loc[known["confidence"] < 0.5].sort_values("confidence")
    says = [
        f"The median particle overlaps the views' objects with an IoU of "
        f"{fixed(float(np.median(confidence)))}; {len(low)} of {len(known)} are below 0.5"
    ]
    if len(low):
        first = low.head(10)
        # Labels start again in each volume.
        scans = [f"{scan} " for scan in first["scan"]] if "scan" in first else [""] * len(first)
        which = listing(f"{a}{b}" for a, b in zip(scans, first["label"], strict=True))
        says[0] += (
            f" (label{'s' if len(low) > 1 else ''} {which}{', ...' if len(low) > 10 else ''})"
        )
    says[0] += "."
    if len(known) >= 10 and known["confidence"].nunique() > 1:
        rho, p = spearman(diameter, confidence)
        if p < 0.01 and abs(rho) > 0.15:
            says.append(
                f"{'Small' if rho > 0 else 'Large'} particles have lower confidence "
                f"(ρ = {fixed(rho)} with size)."
            )
        else:
            says.append(f"It hardly depends on size (ρ = {fixed(rho)}).")
    return Plate("confidence", "Agreement of the views", " ".join(says), known, figure)


def _number_sizes(axis: Axis, low: float, high: float) -> None:
    """Write plain numbers along a logarithmic axis: 1, 2, 5, or closer where few fit."""
    ticks = [t * 10.0**k for k in range(-3, 5) for t in (1, 2, 5)]
    ticks = [t for t in ticks if low <= t <= high]
    if len(ticks) < 3:
        ticks = [t for t in MaxNLocator(5).tick_values(low, high) if low <= t <= high]
    axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_ticks([], minor=True)


def binned_means(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average y over equally many neighbours in x: centres, means, half 95 % intervals."""
    bins = int(np.clip(len(x) // 25, 2, 10))
    parts = [p for p in np.array_split(np.argsort(x, kind="stable"), bins) if len(p) > 2]
    centre, mean = (np.array([v[p].mean() for p in parts]) for v in (x, y))
    half = np.array([stats.t.ppf(0.975, len(p) - 1) * stats.sem(y[p]) for p in parts])
    return centre, mean, half


def mean_interval(values: np.ndarray, draws: int = 1000) -> tuple[float, float]:
    """Give the 95 % bootstrap interval of a mean; the same values give the same interval."""
    rng = np.random.default_rng(0)
    means = [rng.choice(values, len(values)).mean() for _ in range(draws)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
