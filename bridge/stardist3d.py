"""Volumes segmented at once by a StarDist 3D model: no views, no fusion, straight to measuring."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import find_solid, normalize
from particlebridge.exporter import load_stardist3d

from .field_of_view import fill_outside
from .run_folder import RunFolder
from .stored_arrays import AnyArray
from .tables import write_table
from .volumes import Volume
from .writing import write_labels, write_mask

_TILE = 192
"""Largest side of a tile, voxels: a tile of a usual network then takes about 4 GB."""


def segment_3d(
    volume: Volume,
    seen: AnyArray | None,
    run: RunFolder,
    model: str | os.PathLike[str],
    *,
    prob_thresh: float | None = None,
    nms_thresh: float | None = None,
    percentiles: tuple[float, float] | None = None,
) -> Path:
    """Find particles with a StarDist 3D model, by StarDist's own rules (the Fiji plugin is 2-D).

    Parameters
    ----------
    volume
        Grey values, at the scale the model was trained at.
    seen
        The field of view's mask, or None.
    run
        The folder, held by the caller; gets labels.tif, solid.tif and objects.csv (label,
        probability).
    model
        A StarDist 3D model folder, such as ``train --dims 3`` makes.
    prob_thresh, nms_thresh
        Default to the model's.
    percentiles
        Of the normalisation (nearest rank), by default 1 and 99.8.

    Returns
    -------
    Path
        labels.tif.

    Raises
    ------
    FileNotFoundError, ValueError
        If the model is not there, or not a 3-D one.
    """
    limits = percentiles or (1.0, 99.8)
    key = {
        "volume": volume.digest,
        "model": os.fspath(model),
        "prob_thresh": prob_thresh,
        "nms_thresh": nms_thresh,
        "percentiles": limits,
    }
    names = ("solid.tif", "objects.csv", "labels.tif")
    files = [run.path / name for name in names]
    if run.is_done("segment 3-D", key, files):
        return files[-1]
    network = load_stardist3d(model)
    with run.stage("segment 3-D", key) as notes:
        grey = fill_outside(volume.data, seen)
        labels, found = network.predict_instances(
            normalize(grey, limits),
            prob_thresh=prob_thresh,
            nms_thresh=nms_thresh,
            n_tiles=tuple(-(-side // _TILE) for side in grey.shape),
            show_tile_progress=False,
        )
        labels = labels.astype(np.int32)
        table = pd.DataFrame({"probability": found["prob"]})
        table.insert(0, "label", np.arange(1, len(table) + 1))
        write_mask(files[0], find_solid(grey, labels, volume.spacing), volume.spacing)
        write_table(table, files[1])
        write_labels(files[2], labels, volume.spacing)
        notes["particles"] = len(table)
    return files[-1]
