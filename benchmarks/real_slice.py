"""F1 on the real slice against hand-marked ellipses: clear ones count, ambiguous ones never do.

    python -m benchmarks.real_slice nmc_slice.tif nmc_slice_marks.json --labels labels.tif
    python -m benchmarks.real_slice nmc_slice.tif nmc_slice_marks.json --model nmc --diameter 120

The image and its marks are not in this repository (the README of the data says whose they are).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from skimage.draw import ellipse
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

THRESHOLDS = (0.5, 0.7)


def marks(entries: list[list[float]], shape: tuple[int, int]) -> list[np.ndarray]:
    """Rasterise ellipses given as cx, cy, rx, ry, angle (degrees) to flat pixel indices."""
    flat = []
    for cx, cy, rx, ry, angle in entries:
        rows, columns = ellipse(cy, cx, ry, rx, shape=shape, rotation=-np.deg2rad(angle))
        flat.append(np.ravel_multi_index((rows, columns), shape))
    return flat


def judge(labels: np.ndarray, truth: dict) -> dict[str, float]:
    """Score labels: F1, precision and recall at each IoU, and the mean IoU of the matches at 0.5.

    A label is ignored where an ambiguous mark is its best fit and no clear one claims it: that is
    where at least half of the label lies within the mark, or the IoU reaches the threshold.
    """
    shape = labels.shape
    clear, ambiguous = (marks(truth[key], shape) for key in ("clear", "ambiguous"))
    sizes = np.bincount(labels.ravel()).astype(float)

    def overlaps(entries: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        common = np.array([np.bincount(labels.ravel()[m], minlength=len(sizes)) for m in entries])
        common = common.astype(float)
        areas = np.array([[len(m)] for m in entries], float)
        iou = common / (areas + sizes - common)
        iou[:, 0] = 0
        return iou, common / np.maximum(sizes, 1)

    iou, _ = overlaps(clear)
    iou_ambiguous, inside = overlaps(ambiguous)
    present = np.flatnonzero(sizes[1:]) + 1
    result: dict[str, float] = {}
    for threshold in THRESHOLDS:
        rows, columns = linear_sum_assignment(-(iou + 10.0 * (iou >= threshold)))
        hit = iou[rows, columns] >= threshold
        if threshold == THRESHOLDS[0]:
            result["mean IoU"] = float(iou[rows, columns][hit].mean()) if hit.any() else 0.0
        rest = np.setdiff1d(present, columns[hit])
        ignored = (inside[:, rest].max(0) >= 0.5) | (iou_ambiguous[:, rest].max(0) >= threshold)
        tp, fp, fn = int(hit.sum()), int((~ignored).sum()), len(clear) - int(hit.sum())
        result[f"F1@{threshold:g}"] = 2 * tp / (2 * tp + fp + fn)
        result[f"precision@{threshold:g}"] = tp / max(tp + fp, 1)
        result[f"recall@{threshold:g}"] = tp / len(clear)
    return result


def tightness(image: np.ndarray, labels: np.ndarray, truth: dict) -> dict[str, float]:
    """Measure outlines by the image instead of the marks, which are ellipses drawn by eye.

    The step is the mean grey of the two pixels inside an outline minus that of the two outside:
    largest where an outline follows its particle. Over the clear marks that a label fits at
    IoU 0.5: the labels' step, the marks' own, and the labels' area over the marks'.
    """
    found, drawn, areas = [], [], []
    for flat in marks(truth["clear"], labels.shape):
        under = np.bincount(labels.ravel()[flat])
        under[0] = 0
        label = int(under.argmax())
        body, mark = labels == label, np.zeros(labels.shape, bool)
        mark.ravel()[flat] = True
        if not label or (body & mark).sum() < 0.5 * (body | mark).sum():
            continue
        found.append(_step(image, body))
        drawn.append(_step(image, mark))
        areas.append(body.sum() / mark.sum())
    if not found:
        return {}
    return {
        "grey step": float(np.mean(found)),
        "marks' grey step": float(np.mean(drawn)),
        "area over marks'": float(np.median(areas)),
    }


def _step(image: np.ndarray, mask: np.ndarray) -> float:
    inside = mask & ~ndimage.binary_erosion(mask, iterations=2, border_value=1)
    outside = ~mask & ndimage.binary_dilation(mask, iterations=2)
    return float(image[inside].mean() - image[outside].mean())


def otsu_watershed(image: np.ndarray, diameter: float) -> np.ndarray:
    """Segment the classical way: blur, Otsu, fill, split at the distance transform's maxima."""
    smooth = gaussian(image.astype(float), 0.02 * diameter)
    mask = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    mask = ndimage.binary_opening(mask, iterations=max(1, round(0.03 * diameter)))
    depth = gaussian(ndimage.distance_transform_edt(mask), 0.03 * diameter)
    peaks = peak_local_max(depth, min_distance=round(0.2 * diameter), labels=mask.astype(int))
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-depth, seeds, mask=mask).astype(np.int32)


def overlay(image: np.ndarray, labels: np.ndarray, truth: dict, path: Path) -> None:
    """Draw the labels' outlines (yellow), clear marks (cyan) and ambiguous ones (grey)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Ellipse

    height, width = image.shape
    figure = plt.figure(figsize=(width / 80, height / 80), dpi=120)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, cmap="gray")
    for label in range(1, int(labels.max()) + 1):
        if (labels == label).any():
            axes.contour(labels == label, [0.5], colors="yellow", linewidths=1)
    for key, colour in (("clear", "cyan"), ("ambiguous", "silver")):
        for cx, cy, rx, ry, angle in truth[key]:
            mark = Ellipse((cx, cy), 2 * rx, 2 * ry, angle=angle, fill=False, color=colour, lw=0.7)
            axes.add_patch(mark)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axes.axis("off")
    figure.savefig(path)


def main() -> None:
    from tifffile import imread

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("marks", type=Path)
    parser.add_argument("--labels", type=Path, help="a label image instead of a model")
    parser.add_argument("--model", default="nmc")
    parser.add_argument("--diameter", type=float, default=120.0, help="typical, pixels")
    parser.add_argument("--overlay", type=Path, help="picture to write")
    options = parser.parse_args()
    image = imread(options.image)
    truth = json.loads(options.marks.read_text())
    if options.labels:
        labels = imread(options.labels)
    else:
        from particlebridge.bridge.engines.protocol import Settings
        from particlebridge.bridge.engines.python import PythonEngine

        engine = PythonEngine(options.model, Settings(diameter=options.diameter))
        labels = engine.segment(image).labels
    arms = {
        str(options.labels or options.model): labels,
        "Otsu + watershed": otsu_watershed(image, options.diameter),
    }
    for name, found in arms.items():
        measured = judge(found, truth) | tightness(image, found, truth)
        figures = ", ".join(f"{key} {value:.3f}" for key, value in measured.items())
        print(f"{name}: {len(np.unique(found)) - 1} objects, {figures}")
    if options.overlay:
        overlay(image, labels, truth, options.overlay)


if __name__ == "__main__":
    main()
