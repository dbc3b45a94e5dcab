"""A second look at a volume: its views segmented again where only the fused bodies are left."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge import analysis
from particlebridge.analysis._shared.views import View

from .runs.run_folder import RunFolder
from .runs.source import Source
from .runs.view_folder import ViewFolder
from .segmenting.options import SegmentOptions
from .segmenting.segmentation import segment_volume
from .volumes.label_records import companion
from .volumes.labels import read_labels
from .volumes.reading import read_volume
from .volumes.stored_arrays import AnyArray
from .volumes.writing import write_stack

# Slices from which the typical grey of the background is taken.
_SAMPLE = 32


def segment_again(
    source: Source, run: RunFolder, options: SegmentOptions, first: Path
) -> dict[View, ViewFolder]:
    """Segment the views of a volume whose background is blanked out.

    Li et al., Science 376 (2022), had models of their own for such masked volumes; here the same
    model looks twice.

    Parameters
    ----------
    source
        The volume, and who does it.
    run
        The folder, held by the caller; the second round lives in its folder ``round2``: the
        masked volume.tif, views/ and rois/.
    options
        What to run; the particle diameter is that of the first round.
    first
        Fused bodies of the first round.

    Returns
    -------
    dict
        View name -> its folder, whole.

    Raises
    ------
    ValueError, OSError, RuntimeError
        As `segment_volume`.
    """
    volume = source.volume
    second = RunFolder(run.path / "round2")
    told = ("estimated_diameter", "polarity")
    second.describe(**{name: run.record.get(name, {}) for name in told})
    masked = second.path / "volume.tif"
    first_key = run.record["stages"]["fuse round 1"]["key"]
    key = {"volume": volume.digest, **volume.size_key, "first": first_key}
    if not second.is_done("mask", key, [masked]):
        with second.stage("mask", key):
            whole = volume.data.dtype in (np.uint8, np.uint16)
            write_stack(
                masked,
                masked_planes(volume.data, read_labels(first)),
                volume.data.shape,
                volume.data.dtype if whole else np.float32,
                volume.known_size,
            )
    data = read_volume(masked)
    blanked = replace(data, spacing=volume.spacing, spacing_from=volume.spacing_from)
    # The noise was measured where the background still was.
    smooth = run.record.get("smoothing", {}).get("sigma") or None
    again = replace(options, smooth=smooth)
    return segment_volume(Source(blanked, plan=source.plan), second, again)


def masked_planes(volume: AnyArray, labels: AnyArray) -> Iterator[np.ndarray]:
    """Give the volume plane by plane, all that is no body at the typical grey of background."""
    step = max(1, len(volume) // _SAMPLE)
    grey = [volume[z][labels[z] == 0] for z in range(0, len(volume), step)]
    background = np.concatenate([values[np.isfinite(values)] for values in grey])
    level = np.median(background) if background.size else 0
    for plane, bodies in zip(volume, labels, strict=True):
        yield np.where(bodies > 0, plane, level)


def what_changed(first: Path, second: Path) -> dict[str, float | None]:
    """Compare the bodies of the second round with those of the first.

    Parameters
    ----------
    first, second
        Label files of the two rounds; their fusion.csv lies beside them.

    Returns
    -------
    dict
        How many bodies both rounds found (IoU of at least one half), only the first (``lost``),
        only the second (``gained``); how many of the first round's bodies fell apart
        (``split``), how many of the second's hold several of the first's (``joined``); and the
        mean confidence before and after, None where there is no body.
    """
    change = analysis.score(read_labels(first), read_labels(second), thresholds=(0.5,))
    both = len(change.matches)
    before, after = (
        pd.read_csv(companion(file, "fusion"))["confidence"] for file in (first, second)
    )
    return {
        "found_by_both": both,
        "lost": change.n_truth - both,
        "gained": change.n_labels - both,
        "split": change.splits,
        "joined": change.merges,
        "confidence_before": _mean(before),
        "confidence_after": _mean(after),
    }


def _mean(confidence: pd.Series) -> float | None:
    # NaN is no JSON.
    return round(float(confidence.mean()), 4) if len(confidence) else None
