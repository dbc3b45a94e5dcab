"""Peers of consensus: single views, the paper's way, flow, a watershed, u-Segment3D."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import edt
import numpy as np
import pandas as pd
from particlebridge.analysis import (
    VIEWS,
    Score,
    ViewStack,
    flow_fusion,
    from_view,
    link_slices,
    paper_fusion,
    score,
)
from particlebridge.analysis._shared.views import View
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from tests.helpers.damaged_views import Damage, damaged_views

Spacing = tuple[float, float, float]

_WORKER = Path(__file__).with_name("usegment3d_worker.py")

# The names of the rows, in the order of the tables.
SINGLE = {f"{view} alone, linked": view for view in VIEWS}
WATERSHED, PAPER, FLOW = "Otsu + watershed, 3-D", "paper", "flow"
CONSENSUS, USEGMENT = "consensus", "u-Segment3D indirect"

# Cubic voxels.
CUBES: Spacing = (1.0, 1.0, 1.0)
# Overlap (IoU) from which StarDist's matching takes objects of two slices for one, as we do.
_LINK = 0.3


def single(views: Mapping[str, ViewStack], view: View) -> np.ndarray:
    """One view alone, its slices linked by overlap."""
    return np.ascontiguousarray(from_view(link_slices(views[view].labels), view))


def singles(views: Mapping[str, ViewStack]) -> dict[str, np.ndarray]:
    return {row: single(views, view) for row, view in SINGLE.items()}


def flow(views: Mapping[str, ViewStack], spacing: Spacing = CUBES) -> np.ndarray:
    return flow_fusion({view: views[view].labels for view in VIEWS}, spacing)


def stardist_linked(views: Mapping[str, ViewStack]) -> np.ndarray:
    """View xy, linked slice by slice by StarDist's own matching."""
    from stardist.matching import group_matching_labels

    stack = np.asarray(views["xy"].labels, np.int32)
    return np.asarray(group_matching_labels(list(stack), thresh=_LINK), np.int32)


def best_paper(views: Mapping[str, ViewStack], truth: np.ndarray) -> np.ndarray:
    """Fuse as the paper did, with the scale and the smallest size that suit this truth best."""
    dist = {view: views[view].dist for view in VIEWS}
    return _best(
        truth,
        (
            paper_fusion(dist, downscale, round(least * downscale**3))
            for downscale in (0.5, 1.0)
            for least in (64, 256)
        ),
    )


def best_watershed(
    volume: np.ndarray,
    truth: np.ndarray,
    aparts: Iterable[int] = (4, 7),
    spacing: Sequence[float] = CUBES,
) -> np.ndarray:
    """Give the `otsu_watershed` with seeds as far apart as suits this truth best."""
    return _best(truth, (otsu_watershed(volume, apart, spacing) for apart in aparts))


def otsu_watershed(
    volume: np.ndarray, apart: float, spacing: Sequence[float] = CUBES
) -> np.ndarray:
    """Otsu's threshold, a distance map and its watershed; seeds `apart`, in smallest sides."""
    sigma = [min(spacing) / side for side in spacing]
    smooth = ndimage.gaussian_filter(volume.astype(np.float32), sigma)
    body = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = ndimage.distance_transform_edt(body, sampling=spacing).astype(np.float32)
    depth = ndimage.gaussian_filter(depth, sigma)
    reach = tuple(round(apart * share) for share in sigma)
    peaks = peak_local_max(
        depth,
        footprint=np.ones([2 * n + 1 for n in reach]),
        exclude_border=reach,
        labels=body.astype(np.int32),
    )
    return _flood(depth, peaks, body)


def _flood(depth: np.ndarray, peaks: np.ndarray, body: np.ndarray) -> np.ndarray:
    seeds = np.zeros(body.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-depth, seeds, mask=body)


def _best(truth: np.ndarray, found: Iterable[np.ndarray]) -> np.ndarray:
    return max(found, key=lambda labels: _value(score(truth, labels)))


def _value(result: Score) -> tuple[float, float]:
    return result.f1[0.5], result.panoptic_quality


def kept_rows(
    file: Path,
    work: Mapping[str, Callable[[], np.ndarray]],
    truth: np.ndarray,
    columns: Sequence[str],
) -> list[dict[str, Any]]:
    """Score methods, one row each; rows in the file are taken, others are added to it."""
    kept = pd.DataFrame(columns=list(columns))
    if file.exists():
        # A row that lacks a column is older than the table.
        kept = pd.read_csv(file).reindex(columns=list(columns)).dropna()
    rows = {row["method"]: row for row in kept.to_dict("records")}
    for method, make in work.items():
        if method in rows:
            continue
        try:
            rows[method] = timed_row(method, make, truth)
        except subprocess.CalledProcessError as error:
            print(f"{method}: left out, it failed: {error.stderr.strip().splitlines()[-1]}")
        else:
            pd.DataFrame(rows.values()).to_csv(file, index=False)
    order = dict.fromkeys((*work, USEGMENT))
    return [{name: rows[m][name] for name in columns} for m in order if m in rows]


def timed_row(method: str, make: Callable[[], np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    """Score a method, with the CPU time it took, that of its processes included."""
    start = sum(os.times()[:4])
    labels = make()
    seconds = sum(os.times()[:4]) - start
    return {"method": method, **quality(truth, labels), "CPU s": seconds}


class USegment3D:
    """u-Segment3D in a Python of its own.

    Parameters
    ----------
    python
        Interpreter that imports segment3D; by default $USEGMENT3D_PYTHON, else this one.
    """

    def __init__(self, python: str | None = None) -> None:
        self.python = python or os.environ.get("USEGMENT3D_PYTHON", sys.executable)
        found = subprocess.run(
            [self.python, "-c", "import segment3D.usegment3d"], check=False, capture_output=True
        )
        self.is_there = found.returncode == 0

    def __call__(
        self, volumes: Mapping[str, Mapping[str, np.ndarray]], smallest: int
    ) -> dict[str, tuple[np.ndarray, float]]:
        """Fuse named sets of three stacks; gives labels and seconds for each."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for key, stacks in volumes.items():
                named: dict[str, Any] = {view: stacks[view] for view in VIEWS}
                np.savez(folder / f"{key}.npz", **named)
            command = [self.python, str(_WORKER), name, str(smallest)]
            said = subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            ).stderr
            seconds = {}
            for line in said.splitlines():
                words = line.split()
                if len(words) == 2 and words[0] in volumes:
                    seconds[words[0]] = float(words[1])
            return {key: (np.load(folder / f"{key}.npy"), seconds[key]) for key in volumes}


def quality(truth: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The columns of every table.

    "whole": bodies that the volume's faces cut do not count; they are never measured.
    """
    result, whole = score(truth, labels), score(*_without_cut(truth, labels))
    return {
        "F1@0.5": result.f1[0.5],
        "F1@0.75": result.f1[0.75],
        "PQ": result.panoptic_quality,
        "splits": result.splits,
        "merges": result.merges,
        "missed": result.missed,
        "false": result.false,
        "whole F1@0.5": whole.f1[0.5],
        "whole F1@0.75": whole.f1[0.75],
    }


def _without_cut(truth: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the bodies that the volume's faces cut, and the labels that lie mostly on one."""
    cut = np.zeros(int(truth.max()) + 1, bool)
    for axis in range(3):
        for face in (0, -1):
            cut[np.take(truth, face, axis)] = True
    cut[0] = False
    sizes = np.bincount(labels.ravel())
    on_cut = np.bincount(labels[cut[truth]], minlength=sizes.size)
    return np.where(cut[truth], 0, truth), np.where((on_cut > 0.5 * sizes)[labels], 0, labels)


def damaged_stacks(truth: np.ndarray, damage: Damage, seed: int) -> dict[str, ViewStack]:
    """Damage the views; their distance maps are those of the damaged objects."""
    return {
        view: ViewStack(labels, dist=np.stack([edt.edt(p, black_border=True) for p in labels]))
        for view, labels in damaged_views(truth, damage, seed).items()
    }


def as_table(rows: Any) -> str:
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    return table.round(3).to_string()
