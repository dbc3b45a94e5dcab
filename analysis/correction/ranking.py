"""Which particles a person should look at first, and why; and where one may be missed."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from .._shared.views import View, view_axes
from .body_shapes import BodyShapes, body_shapes
from .missed_places import MissedPlaces, missed_places
from .view_evidence import ViewEvidence, view_evidence

COLUMNS = ("label", "z", "y", "x", "confidence", "doubt", "reasons")


class Weights(NamedTuple):
    """Of a logistic model of whether a look mends an error; `benchmarks review` fits them."""

    constant: float
    weights: Mapping[str, float]


BODY = Weights(9.61, {"confidence": -4.45, "roundness": -8.72, "split": 4.46, "border": -0.33})
PLACE = Weights(3.08, {"bright": 2.52, "bright_face": 2.65, "others": -9.15})
"""Of particles, and of places without one. `others` is the mean confidence of all particles."""

# Limits beyond which a reason for doubt is named.
_DISAGREE, _HARDLY, _SPLIT, _MERGED, _NECK, _RAGGED, _DARK = 0.5, 0.5, 0.15, 0.3, 0.5, 0.75, 0.5
_SMALL, _LARGE = 0.05, 3.0


def doubtful_particles(
    labels: np.ndarray,
    stacks: Mapping[View, np.ndarray],
    fusion: pd.DataFrame,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    volume: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rank fused particles, and places without one, by what looking at them is worth.

    Parameters
    ----------
    labels
        (Z, Y, X) particles, 0 background. This and the other volumes may be arrays, memory maps or
        Zarr arrays: they are read a slab at a time.
    stacks
        Each view's 2-D labels in its own order.
    fusion
        One row for each particle, as `agreement_table` gives it.
    spacing
        Voxel size (z, y, x), um.
    volume
        (Z, Y, X) grey values, particles bright. Without them a place where a particle was missed
        is hard to tell from what the views made up.

    Returns
    -------
    DataFrame
        Sorted by falling ``doubt``. ``label``: the particle, or 0 for a place where one may be
        missed; ``z``, ``y``, ``x``: a voxel of it; ``confidence``: of the fusion, NaN for such a
        place; ``doubt``: chance that a look mends an error, 0..1; ``reasons``: why, in words.

    Notes
    -----
    The chance is that of a logistic model of the views' agreement and the particle's shape,
    brightness and border. ``python -m benchmarks review`` fits it and measures how fast errors go.

    Examples
    --------
    >>> from particlebridge.analysis import VIEWS, electrode, to_view
    >>> from particlebridge.analysis.correction.ranking import doubtful_particles
    >>> from particlebridge.analysis.fusion.agreement import agreement_table
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> stacks = {view: to_view(made.labels, view) for view in VIEWS}
    >>> wrong = made.labels.copy()
    >>> wrong[wrong == 4] = 5
    >>> fusion = agreement_table(wrong, stacks, made.spacing)
    >>> int(doubtful_particles(wrong, stacks, fusion, made.spacing, made.volume)["label"][0])
    5
    """
    found = []
    gathered = gather_rows(labels, stacks, fusion, spacing, volume)
    for rows, model in zip(gathered, (BODY, PLACE), strict=True):
        rows["doubt"] = chance(rows, model)
        found.append(rows[list(COLUMNS)])
    every = pd.concat([own for own in found if len(own)] or found[:1], ignore_index=True)
    return every.sort_values("doubt", ascending=False, kind="stable", ignore_index=True)


def chance(rows: pd.DataFrame, model: Weights) -> np.ndarray:
    """Give the chance that a look at each row mends an error."""
    columns = list(model.weights)
    weights = np.array(list(model.weights.values()))
    return 1 / (1 + np.exp(-model.constant - rows[columns].to_numpy(float) @ weights))


def gather_rows(
    labels: np.ndarray,
    stacks: Mapping[View, np.ndarray],
    fusion: pd.DataFrame,
    spacing: tuple[float, float, float],
    volume: np.ndarray | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List particles, and places without one, with what is known of them; see its caller."""
    table = fusion.set_index("label")
    n = int(table.index.max()) if len(table) else 0
    shapes = body_shapes(labels, spacing, n, volume)
    views = {
        view: view_evidence(labels, stack, view, spacing, n, volume)
        for view, stack in stacks.items()
    }
    missed = missed_places({view: own.lost for view, own in views.items()}, spacing)
    bodies = _body_rows(table, shapes, views, labels.shape)
    places = _place_rows(missed, shapes, float(table["confidence"].mean()) if n else 0.0)
    bodies["reasons"] = _body_reasons(bodies, table, views)
    places["reasons"] = _place_reasons(places, missed)
    return bodies, places


def _typical(voxels: np.ndarray) -> float:
    """Give the voxels of the body in which the median labelled voxel lies."""
    ranked = np.sort(voxels[1:])
    half = np.searchsorted(np.cumsum(ranked), ranked.sum() / 2)
    return float(ranked[half]) if ranked.size else 1.0


def _body_rows(
    table: pd.DataFrame,
    shapes: BodyShapes,
    views: Mapping[View, ViewEvidence],
    shape: tuple[int, ...],
) -> pd.DataFrame:
    labels = table.index.to_numpy()
    low, high = shapes.low[labels], shapes.high[labels]
    return pd.DataFrame(
        {
            "label": labels,
            **dict(zip("zyx", shapes.places[labels].T, strict=True)),
            "confidence": table["confidence"].to_numpy(),
            "roundness": np.clip(shapes.roundness[labels], 0, 1),
            "split": np.max([own.split[labels] for own in views.values()], axis=0),
            "border": ((low == 0) | (high == shape)).any(1),
            "bright": _brightness(shapes.grey[labels], shapes),
            "size": shapes.voxels[labels] / _typical(shapes.voxels),
        }
    )


def _place_rows(missed: MissedPlaces, shapes: BodyShapes, confidence: float) -> pd.DataFrame:
    bright = _brightness(missed.grey, shapes)
    return pd.DataFrame(
        {
            "label": 0,
            **dict(zip("zyx", missed.places.T, strict=True)),
            "confidence": np.nan,
            "bright": bright,
            "bright_face": bright * missed.on_face,
            "others": confidence,
        }
    )


def _brightness(grey: np.ndarray, shapes: BodyShapes) -> np.ndarray:
    """Scale grey values from 0, those of background, to 1, those of bodies; 0.5 if not known."""
    usual = np.nanmedian(shapes.grey[1:]) if np.isfinite(shapes.grey[1:]).any() else np.nan
    return np.nan_to_num((grey - shapes.grey[0]) / (usual - shapes.grey[0]), nan=0.5).clip(
        -0.5, 1.2
    )


def _body_reasons(
    rows: pd.DataFrame, table: pd.DataFrame, views: Mapping[View, ViewEvidence]
) -> list[str]:
    said: list[list[str]] = [[] for _ in range(len(rows))]

    def say(where: np.ndarray, text: str) -> None:
        for k in np.flatnonzero(where):
            said[k].append(text)

    labels = rows["label"].to_numpy()
    agreements = table[[f"agreement_{view}" for view in views]].to_numpy()
    for k in np.flatnonzero(agreements.min(1, initial=1) < _DISAGREE):
        shown = ", ".join(f"{v} {a:.2f}" for v, a in zip(views, agreements[k], strict=True))
        said[k].append(f"views disagree ({shown})")
    for view, own in views.items():
        say(own.split[labels] >= _SPLIT, f"split in {view}")
        say(own.merged[labels] >= _MERGED, f"merged with a neighbour in {view}")
        say(own.covered[labels] < _HARDLY, f"hardly seen in {view}")
        say(own.neck[labels] >= _NECK, f"thin waist along {'ZYX'[view_axes(view)[0]]}")
    say(rows["roundness"] < _RAGGED, "ragged")
    say(rows["size"] < _SMALL, "unusually small")
    say(rows["size"] > _LARGE, "unusually large")
    say(rows["bright"] < _DARK, "dark")
    say(rows["border"], "touches the border")
    return ["; ".join(words) for words in said]


def _place_reasons(rows: pd.DataFrame, missed: MissedPlaces) -> list[str]:
    reasons = []
    for views, face, bright in zip(missed.views, missed.on_face, rows["bright"], strict=True):
        words = [f"a particle may be missed: outlined in {' and '.join(views)} only"]
        words += ["on the volume's face"] if face else []
        words += ["dark"] if bright < _DARK else []
        reasons.append("; ".join(words))
    return reasons
