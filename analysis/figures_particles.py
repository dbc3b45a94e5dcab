"""Figures of the particles themselves: sizes, damage, damage along depth, orientation, confidence."""

import numpy as np
import pandas as pd
from scipy import stats

from .figures import (
    DOUBLE,
    FAINT,
    MUTED,
    SINGLE,
    Plate,
    axes_of,
    capital,
    in_state,
    listing,
    p_value,
    percent,
    sheet,
    state_name,
    states_of,
    styled,
)

# Below this elongation the long axis of a particle is chance.
ELONGATED = 1.3


@styled
def size_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw the distribution of equivalent diameters, by number and by volume."""
    figure = sheet(DOUBLE, 58)
    left, right = axes_of(figure, 1, 2)
    parts, says = [], []
    sizes = {s: np.cbrt(6 * t["Volume"] / np.pi) for s, t in tables.items()}
    every = np.concatenate(list(sizes.values()))
    edges = np.geomspace(every.min() * 0.98, every.max() * 1.02, 25)
    for state, table, colour in states_of(tables):
        d, v = sizes[state].to_numpy(), table["Volume"].to_numpy()
        left.hist(d, edges, histtype="stepfilled", color=colour, alpha=0.25)
        left.hist(d, edges, histtype="step", color=colour, label=state_name(state))
        order = np.argsort(d)
        right.step(d[order], 100 * np.cumsum(v[order]) / v.sum(), color=colour, where="post")
        half = d[order][np.searchsorted(np.cumsum(v[order]), v.sum() / 2)]
        low, middle, high = np.quantile(d, [0.1, 0.5, 0.9])
        parts.append(pd.DataFrame({"state": state, "label": table["label"], "diameter_um": d}))
        says.append(
            f"{in_state(state, list(tables))}{len(d)} particles, median diameter {middle:.3g} µm, "
            f"four in five between {low:.3g} and {high:.3g} µm; half of the material is in "
            f"particles larger than {half:.3g} µm."
        )
    for axes in (left, right):
        axes.set_xscale("log")
        ticks = [t for t in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if edges[0] <= t <= edges[-1]]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.set_xlabel("equivalent diameter (µm)")
    left.set_ylabel("particles")
    right.set_ylabel("share of the volume in\nparticles up to this size (%)")
    right.axhline(50, color=FAINT, lw=0.6, zorder=0)
    if len(tables) > 1:
        left.legend()
    return Plate("size_distribution", "Particle size", " ".join(says), pd.concat(parts), figure)


@styled
def damage_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw the distribution of Damage."""
    figure = sheet(SINGLE, 62)
    (axes,) = axes_of(figure, 1, 1)
    every = 100 * np.concatenate([t["Damage"].dropna() for t in tables.values()])
    edges = np.linspace(0, max(np.quantile(every, 0.995), 1.0), 25)
    parts, says = [], []
    for state, table, colour in states_of(tables):
        known = table.dropna(subset=["Damage"])
        damage = known["Damage"].to_numpy()
        weights = np.full(len(damage), 100 / len(damage))
        clipped = np.clip(100 * damage, 0, edges[-1])
        axes.hist(clipped, edges, weights=weights, histtype="stepfilled", color=colour, alpha=0.25)
        axes.hist(
            clipped, edges, weights=weights, histtype="step", color=colour, label=state_name(state)
        )
        axes.axvline(100 * damage.mean(), color=colour, ls=(0, (4, 2)), lw=0.9)
        rng = np.random.default_rng(0)
        means = damage[rng.integers(len(damage), size=(1000, len(damage)))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        overall = np.average(damage, weights=known["Volume"])
        worst = np.sort(damage)[-max(1, len(damage) // 10) :].sum() / max(damage.sum(), 1e-12)
        parts.append(pd.DataFrame({"state": state, "label": known["label"], "Damage": damage}))
        says.append(
            f"{in_state(state, list(tables))}the mean particle has lost {percent(damage.mean())} "
            f"of its body to cracks and pores (95 % interval of the mean {percent(low)} to "
            f"{percent(high)}), the median one {percent(float(np.median(damage)))}; by volume the "
            f"damage is {percent(overall)}, and the tenth of the particles that is damaged most "
            f"has {percent(worst)} of the sum."
        )
    axes.set_xlabel("Damage (void share of the body, %)")
    axes.set_ylabel("particles (%)")
    axes.set_xlim(0)
    if len(tables) > 1:
        axes.legend()
    says.append("Dashed lines: means.")
    return Plate(
        "damage_distribution", "Damage of the particles", capital(says), pd.concat(parts), figure
    )


@styled
def depth_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw Damage against depth with the mean of each tenth of the depth."""
    figure = sheet(DOUBLE, 65)
    panels = axes_of(figure, 1, len(tables), sharey=True, sharex=True)
    parts, says = [], []
    top = max(np.nanquantile(t["Damage"], 0.995) for t in tables.values())
    for axes, (state, table, colour) in zip(panels, states_of(tables), strict=True):
        known = table.dropna(subset=["Damage", "Z"])
        z, damage = known["Z"].to_numpy(), known["Damage"].to_numpy()
        axes.scatter(z, 100 * damage, s=3, color=colour, alpha=0.3, lw=0, rasterized=len(z) > 3000)
        bins = int(np.clip(len(z) // 25, 2, 10))
        where = np.clip(
            np.digitize(z, np.quantile(z, np.linspace(0, 1, bins + 1))) - 1, 0, bins - 1
        )
        rows = []
        for k in range(bins):
            d = damage[where == k]
            if len(d) < 3:
                continue
            half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
            rows.append((z[where == k].mean(), d.mean(), half))
        centre, mean, half_width = (100 * np.array(r) for r in zip(*rows, strict=True))
        axes.errorbar(
            centre / 100, mean, half_width, color="black", marker="o", ms=3, lw=1, capsize=2
        )
        rho, p = stats.spearmanr(z, damage)
        parts.append(
            pd.DataFrame({"state": state, "label": known["label"], "Z_um": z, "Damage": damage})
        )
        ends = f"from {mean[0]:.2g} % at Z = {centre[0] / 100:.3g} µm to {mean[-1]:.2g} % at {centre[-1] / 100:.3g} µm"
        tail = f"(Spearman's ρ = {rho:.2f}, {p_value(p)}, {len(z)} particles)"
        if p >= 0.01 or abs(rho) < 0.1:
            says.append(f"{in_state(state, list(tables))}no clear trend with depth {tail}.")
        else:
            word = "rises" if rho > 0 else "falls"
            says.append(f"{in_state(state, list(tables))}mean Damage {word} {ends} {tail}.")
        axes.set_xlabel("depth Z (µm)")
        if len(tables) > 1:
            axes.set_title(state_name(state))
    panels[0].set_ylabel("Damage (%)")
    panels[0].set_ylim(-2 * top, 105 * top)
    says.append("Black: mean of equally many particles with its 95 % interval.")
    return Plate("damage_depth", "Damage along depth", capital(says), pd.concat(parts), figure)


@styled
def orientation_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw roses of the long axes of elongated particles: within the XY plane, and out of it."""
    figure = sheet(DOUBLE, 72)
    left, right = axes_of(figure, 1, 2, subplot_kw={"projection": "polar"})
    bins = np.deg2rad(np.arange(0, 181, 15))
    parts, says = [], []
    for state, table, colour in states_of(tables):
        long = table[table["Elongation"] > ELONGATED].dropna(subset=["Yaw", "Pitch"])
        yaw = np.deg2rad(long["Yaw"].to_numpy() % 180)
        pitch = np.deg2rad(np.abs(long["Pitch"].to_numpy()))
        parts.append(
            pd.DataFrame(
                {
                    "state": state,
                    "label": long["label"],
                    "Yaw_deg": np.rad2deg(yaw),
                    "Pitch_deg": np.rad2deg(pitch),
                    "Elongation": long["Elongation"],
                }
            )
        )
        if len(long) < 5:
            says.append(
                f"{in_state(state, list(tables))}only {len(long)} particles are elongated enough "
                "(longest over shortest axis above 1.3) to have a direction."
            )
            continue
        counts = np.histogram(yaw, bins)[0] / len(yaw)
        both = np.concatenate([counts, counts])
        angles = np.concatenate([bins[:-1], bins[:-1] + np.pi]) + np.diff(bins)[0] / 2
        # Equal areas for equal counts: the radius goes with the square root.
        left.bar(
            angles, np.sqrt(both), np.diff(bins)[0], color=colour, alpha=0.35, ec=colour, lw=0.7
        )
        steps = np.deg2rad(np.arange(0, 91, 10))
        seen = np.histogram(pitch, steps)[0] / len(pitch)
        chance = np.diff(np.sin(steps))
        right.bar(
            steps[:-1] + np.diff(steps) / 2,
            seen / chance,
            np.diff(steps),
            color=colour,
            alpha=0.35,
            ec=colour,
            lw=0.7,
            label=state_name(state),
        )
        resultant = np.abs(np.exp(2j * yaw).mean())
        p = float(np.exp(-len(yaw) * resultant**2))
        mean_direction = np.rad2deg(np.angle(np.exp(2j * yaw).mean()) / 2) % 180
        flat = stats.kstest(np.sin(pitch), "uniform")
        in_plane = (
            f"lie along {mean_direction:.0f}° in the XY plane more than chance allows"
            if p < 0.01
            else "have no preferred direction in the XY plane"
        )
        out = "as often as chance gives"
        if flat.pvalue < 0.01:
            out = (
                "less than chance gives" if np.sin(pitch).mean() < 0.5 else "more than chance gives"
            )
        says.append(
            f"{in_state(state, list(tables))}the {len(long)} elongated particles (longest over "
            f"shortest axis above {ELONGATED}) {in_plane} (Rayleigh test, {p_value(p)}) and stand "
            f"up out of it {out} ({p_value(float(flat.pvalue))})."
        )
    left.set_title("in the XY plane (Yaw)", loc="center", pad=8)
    left.set_yticklabels([])
    right.set_title("out of the plane (|Pitch|), 1 = chance", loc="center", pad=8)
    right.set_thetamin(0)
    right.set_thetamax(90)
    for axes in (left, right):
        axes.grid(color=FAINT, lw=0.5)
        axes.spines["polar"].set_color(FAINT)
    if len(tables) > 1:
        right.legend(loc="upper right", bbox_to_anchor=(1.35, 1.1))
    return Plate(
        "orientation", "Orientation of elongated particles", capital(says), pd.concat(parts), figure
    )


@styled
def confidence_plate(fusion: pd.DataFrame) -> Plate:
    """Draw how far the three views agree on each particle."""
    known = fusion.dropna(subset=["confidence"])
    confidence = known["confidence"].to_numpy()
    figure = sheet(SINGLE, 58)
    (axes,) = axes_of(figure, 1, 1)
    axes.hist(confidence, np.linspace(0, 1, 26), color="#0072b2", alpha=0.7)
    axes.axvline(np.median(confidence), color=MUTED, ls=(0, (4, 2)), lw=0.9)
    axes.set_xlabel("confidence (agreement of the three views, 0 to 1)")
    axes.set_ylabel("particles")
    axes.set_xlim(0, 1)
    low = known.loc[known["confidence"] < 0.5, "label"]
    says = (
        f"The median confidence is {np.median(confidence):.2f}; {len(low)} of {len(known)} particles "
        f"({percent(len(low) / max(len(known), 1))}) are below 0.5"
    )
    if 0 < len(low) <= 12:
        says += f": look at label{'s' if len(low) > 1 else ''} {listing(str(v) for v in low)}"
    return Plate("confidence", "Agreement of the views", says + ". Dashed: median.", known, figure)
