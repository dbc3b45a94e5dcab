"""The shipped model on electrodes it never saw, at three contrasts, and one slice at three scales.

Measured: 2-D F1 at IoU 0.5 and 0.75 over slices of all three views against the generator's truth;
then how many particles of a slice are found again when it is enlarged or made smaller.
"""

import argparse

import numpy as np
import pandas as pd
from particlebridge.analysis import (
    VIEWS,
    Electrode,
    electrode,
    resize,
    score,
    to_view,
    typical_diameter,
)
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.engines.python import PythonEngine
from scipy import ndimage

_UNSEEN = {1.0: 7001, 0.5: 7002, 0.35: 7003}
_SMALLEST = (
    0.15  # caps narrower than this share of the typical diameter are ignored, as in training
)
_EVERY = 16


def judge(engine: PythonEngine, made: Electrode, smallest: float) -> dict[str, float]:
    """Pool F1 over every 16th slice of each view; caps under `smallest` pixels do not count.

    "whole": sections that the picture's edge or the round view cuts do not count either; they
    cannot be measured and never enter the analysis.
    """
    pooled = {kind: np.zeros(4) for kind in ("all", "whole")}
    for view in VIEWS:
        images, bodies = to_view(made.volume, view), to_view(made.labels, view)
        unseen = to_view(~made.field_of_view, view)
        for k in range(_EVERY // 2, len(images), _EVERY):
            labels = engine.segment(images[k]).labels
            truth = np.ascontiguousarray(bodies[k])
            areas = np.bincount(truth.ravel())
            tiny = areas < np.pi / 4 * smallest**2
            rim = ndimage.binary_dilation(np.pad(unseen[k], 1, constant_values=True))[1:-1, 1:-1]
            cut = np.zeros(len(areas), bool)
            cut[np.unique(truth[rim])] = True
            for kind, ignored in (("all", tiny), ("whole", tiny | cut)):
                kept, seen = _without(ignored, truth, labels)
                result = score(kept, seen)
                right = [result.recall[iou] * result.n_truth for iou in (0.5, 0.75)]
                pooled[kind] += [result.n_truth, result.n_labels, *right]
    figures: dict[str, float] = {"objects": pooled["all"][0]}
    for kind, (truths, found, *hits) in pooled.items():
        for iou, hit in zip((0.5, 0.75), hits, strict=True):
            figures[f"{kind} F1@{iou:g}"] = 2 * hit / (truths + found)
    return figures


def _without(
    ignored: np.ndarray, truth: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the ignored true objects, and the labels that lie mostly on one of them."""
    there = ignored[truth] & (truth > 0)
    sizes = np.bincount(labels.ravel())
    on_ignored = np.bincount(labels[there], minlength=len(sizes))
    return np.where(there, 0, truth), np.where((on_ignored > 0.5 * sizes)[labels], 0, labels)


def scales(model: str, image: np.ndarray, diameter: float) -> pd.DataFrame:
    """Count the particles found at one scale that are found at another (IoU 0.5), as F1."""
    height, width = image.shape
    found = {}
    for factor in (0.5, 1.0, 2.0):
        small = resize(image, (round(height * factor), round(width * factor)))
        engine = PythonEngine(model, Settings(diameter=diameter * factor))
        labels = engine.segment(small).labels
        rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(int)
        columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(int)
        found[factor] = labels[np.ix_(rows, columns)]
    return pd.DataFrame(
        [
            {"scale": factor, "particles": len(np.unique(labels)) - 1}
            | {f"agrees with {k:g}x": score(found[k], labels).f1[0.5] for k in found}
            for factor, labels in found.items()
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nmc")
    parser.add_argument("--image", help="a slice for the scale test, besides a generated one")
    parser.add_argument("--diameter", type=float, default=120.0, help="of that slice, pixels")
    options, _ = parser.parse_known_args()
    rows = []
    for contrast, seed in _UNSEEN.items():
        made = electrode(seed=seed, contrast=contrast)
        middle = made.labels[len(made.labels) // 2]
        diameter = typical_diameter(np.bincount(middle.ravel())[1:])
        engine = PythonEngine(options.model, Settings(diameter=diameter))
        rows.append(
            {"contrast": contrast, "seed": seed, "diameter": round(diameter, 1)}
            | judge(engine, made, _SMALLEST * diameter)
        )
        if contrast == 1.0:
            generated = made.volume[len(made.volume) // 2], diameter
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    print(scales(options.model, *generated).round(3).to_string(index=False))
    if options.image:
        from tifffile import imread

        table = scales(options.model, imread(options.image), options.diameter)
        print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
