"""The particle network in 3-D: a still picture, and the scene of the report's interactive one."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import Normalize, to_rgb

from .._shared.wording import number, percent, plural
from .style import (
    DAMAGE_MAP,
    INK,
    MUTED,
    Plate,
    axes_of,
    ball_diameter,
    length_unit,
    sheet,
    styled,
    written,
)

# Balls are drawn smaller than the particles, or a packed electrode would hide its own inside.
BALL = 0.62
UNKNOWN = "#aab2b9"  # Damage not known: grey, not intact
_AZIMUTH, _ELEVATION = np.deg2rad(-38), np.deg2rad(22)
_VECTOR_UP_TO = 800  # a particle takes 2 kB of an SVG, with its contacts


@styled
def network_plate(
    table: pd.DataFrame, contacts: pd.DataFrame | None, top: float | None = None
) -> Plate:
    """Draw particles as balls coloured by Damage and their contacts as lines.

    Parameters
    ----------
    table
        One state's table of `measure`.
    contacts
        source, target (labels) and area (um2); None: no lines.
    top
        Damage at the dark end of the colours, to compare states; None: `darkest` of the table.

    Returns
    -------
    Plate
        Its data: label, X, Y, Z, diameter, Damage and the number of contacts of each particle.
    """
    nodes, edges = _nodes(table), _edges(table, contacts)
    degree = np.bincount(edges.ravel(), minlength=len(nodes))
    figure = sheet(140, 100)
    (axes,) = axes_of(figure, 1, 1)
    points, centre = nodes[["X", "Y", "Z"]].to_numpy(), _centre(nodes)
    seen = _project(points - centre)
    top = darkest(table) if top is None else top
    depth = (seen[:, 2] - seen[:, 2].min()) / max(np.ptp(seen[:, 2]), 1e-9)
    raster = len(nodes) > _VECTOR_UP_TO
    if len(edges):
        near = depth[edges].mean(axis=1)
        lines = LineCollection(
            list(seen[edges][:, :, :2]),
            colors=INK,
            linewidths=0.45,
            alpha=0.08 + 0.4 * near,
            zorder=1,
        )
        lines.set_rasterized(raster)
        axes.add_collection(lines)
    order = np.argsort(seen[:, 2])
    size = BALL * nodes["diameter"].to_numpy()[order]
    colours = DAMAGE_MAP(np.clip(nodes["Damage"].fillna(0).to_numpy()[order] / top, 0, 1))
    # Far balls fade towards the paper, near ones carry a glint: depth without a renderer.
    colours[:, :3] += (1 - colours[:, :3]) * (0.45 * (1 - depth[order]))[:, None]
    colours[nodes["Damage"].isna().to_numpy()[order], :3] = to_rgb(UNKNOWN)
    edge = colours.copy()
    edge[:, :3] *= 0.55
    # Ball and glint of one particle follow each other, so that nearer balls hide both.
    glint = np.concatenate([colours[:, :3] * 0.6 + 0.4, np.ones((len(size), 1))], axis=1)
    offset = seen[order, :2]
    balls = EllipseCollection(
        np.column_stack([size, 0.3 * size]).ravel(),
        np.column_stack([size, 0.3 * size]).ravel(),
        np.zeros(2 * len(size)),
        units="xy",
        offsets=np.stack([offset, offset + 0.17 * size[:, None] * [-1, 1]], axis=1).reshape(-1, 2),
        offset_transform=axes.transData,
        facecolors=np.stack([colours, glint], axis=1).reshape(-1, 4),
        edgecolors=np.stack([edge, np.zeros_like(edge)], axis=1).reshape(-1, 4),
        linewidths=0.3,
        zorder=2,
    )
    balls.set_rasterized(raster)
    axes.add_collection(balls)
    _frame(axes, nodes, centre, written(length_unit(table)))
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.axis("off")
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 100 * top), DAMAGE_MAP),
        ax=axes,
        shrink=0.45,
        aspect=22,
        pad=0.01,
        extend="max",
    )
    bar.set_label("Damage (%)")
    bar.outline.set_visible(False)
    nodes["contacts"] = degree
    data = nodes.rename(columns={"diameter": f"diameter_{length_unit(table)}"})
    says = f"{plural(len(nodes), 'particle')}, balls at {percent(BALL)} of their diameter"
    if len(edges):
        says += (
            f", and {plural(len(edges), 'contact')}: {number(degree.mean())} per particle on "
            f"average; {percent(float((degree == 0).mean()))} of the particles touch no other"
        )
    return Plate("network", "The particle network", says + ".", data, figure)


def scene(
    table: pd.DataFrame, contacts: pd.DataFrame | None, top: float | None = None
) -> dict[str, Any]:
    """Give the network as plain lists for the report's viewer.

    Parameters
    ----------
    table, contacts, top
        As for `network_plate`.

    Returns
    -------
    dict
        nodes: [x, y, z (about the centre), radius, Damage or None, label]; edges: pairs of node
        numbers; top: Damage at the dark end of the colours; colours: 32 of them, as #rrggbb;
        unknown: the colour without Damage; box: lengths (x, y, z) of the particles' box; unit: of
        all lengths.
    """
    nodes, edges = _nodes(table), _edges(table, contacts)
    points = np.round(nodes[["X", "Y", "Z"]].to_numpy() - _centre(nodes), 3)
    damage = nodes["Damage"].to_numpy()
    steps = (255 * DAMAGE_MAP(np.linspace(0, 1, 32))[:, :3]).round().astype(int)
    return {
        "nodes": [
            [*p, round(d / 2, 3), None if np.isnan(v) else round(float(v), 4), int(label)]
            for p, d, v, label in zip(
                points.tolist(), nodes["diameter"].tolist(), damage, nodes["label"], strict=True
            )
        ],
        "edges": edges.tolist(),
        "top": round(darkest(table) if top is None else top, 4),
        "unknown": UNKNOWN,
        "unit": written(length_unit(table)),
        "colours": ["#{:02x}{:02x}{:02x}".format(*c) for c in steps],
        "box": [round(float(v), 3) for v in np.ptp(nodes[["X", "Y", "Z"]].to_numpy(), axis=0)],
    }


def _nodes(table: pd.DataFrame) -> pd.DataFrame:
    known = table.dropna(subset=["X", "Y", "Z", "Volume"])
    nodes = known[["label", "X", "Y", "Z", "Damage"]].reset_index(drop=True)
    nodes.insert(4, "diameter", ball_diameter(known["Volume"].to_numpy()))
    return nodes


def darkest(table: pd.DataFrame) -> float:
    """Give the Damage at the dark end of the colours: a few broken particles shall not set it."""
    known = table["Damage"].dropna()
    return max(float(known.quantile(0.98)), 0.01) if len(known) else 1.0


def _edges(table: pd.DataFrame, contacts: pd.DataFrame | None) -> np.ndarray:
    """Give (n, 2) numbers of touching nodes; labels that have no node are left out."""
    if contacts is None or contacts.empty:
        return np.empty((0, 2), dtype=int)
    at = pd.Series(np.arange(len(_nodes(table))), index=_nodes(table)["label"])
    pairs = np.column_stack([contacts["source"].map(at), contacts["target"].map(at)])
    return pairs[~np.isnan(pairs).any(axis=1)].astype(int)


def _centre(nodes: pd.DataFrame) -> np.ndarray:
    points = nodes[["X", "Y", "Z"]].to_numpy()
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _project(points: np.ndarray) -> np.ndarray:
    """Turn x, y, z (z down) to right, up and towards the reader."""
    x, y, z = points.T
    a, e = _AZIMUTH, _ELEVATION
    right, back = np.cos(a) * x + np.sin(a) * y, -np.sin(a) * x + np.cos(a) * y
    up, near = -np.cos(e) * z + np.sin(e) * back, -np.cos(e) * back - np.sin(e) * z
    return np.column_stack([right, up, near])


def _frame(axes: Any, nodes: pd.DataFrame, centre: np.ndarray, unit: str) -> None:
    """Draw the box's three near axes with their lengths."""
    points = nodes[["X", "Y", "Z"]].to_numpy()
    low, high = points.min(axis=0) - centre, points.max(axis=0) - centre
    (x0, y0, z0), (x1, y1, z1) = low.tolist(), high.tolist()
    # Edges of the box's silhouette, so that no ball lies before them.
    edges = {
        "X": ((x0, y0, z1), (x1, y0, z1)),
        "Y": ((x0, y0, z1), (x0, y1, z1)),
        "Z": ((x0, y1, z1), (x0, y1, z0)),
    }
    shifts = {"X": (8, -10), "Y": (-8, -10), "Z": (-8, 0)}
    aligned = {"X": "left", "Y": "right", "Z": "right"}
    for (name, ends), length in zip(edges.items(), high - low, strict=True):
        line = _project(np.array(ends))[:, :2]
        axes.plot(*line.T, color=MUTED, lw=0.7, zorder=0)
        axes.annotate(
            f"{name} {length:.0f} {unit}", line.mean(axis=0), shifts[name],
            textcoords="offset points", color=MUTED, ha=aligned[name], va="center",
        )  # fmt: skip
