"""Volumes segmented at once by a StarDist 3D model: no views, no fusion, straight to measuring."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import find_void, normalize
from particlebridge.analysis.material.void_evidence import WORDS, coded, told
from particlebridge.exporter import load_stardist3d

from ..engines.protocol import Settings
from ..runs.run_folder import RunFolder
from ..runs.void_words import say_void
from ..volumes.field_of_view import FieldOfView, fill_outside
from ..volumes.label_records import Recorded, label_digest
from ..volumes.reading import Volume
from ..volumes.tables import write_table
from ..volumes.writing import write_labels, write_mask

_TILE = 192
"""Largest side of a tile, voxels: a tile of a usual network then takes about 4 GB."""


def segment_3d(
    volume: Volume,
    seen: FieldOfView,
    run: RunFolder,
    model: str | os.PathLike[str],
    settings: Settings | None = None,
) -> Path:
    """Find particles with a StarDist 3D model, by StarDist's own rules (the Fiji plugin is 2-D).

    Parameters
    ----------
    volume
        Grey values, at the scale the model was trained at.
    seen
        Its field of view.
    run
        The folder, held by the caller; gets labels.tif, solid.tif and objects.csv (label,
        probability, Void).
    model
        A StarDist 3D model folder, such as ``train --dims 3`` makes.
    settings
        Thresholds, by default the model's, and percentiles of the normalisation (nearest rank), by
        default 1 and 99.8; the others do not apply.

    Returns
    -------
    Path
        labels.tif.

    Raises
    ------
    FileNotFoundError, ValueError
        If the model is not there, or not a 3-D one.
    """
    settings = settings or Settings()
    limits = settings.percentiles or (1.0, 99.8)
    key = {
        "volume": volume.digest,
        "model": os.fspath(model),
        "prob_thresh": settings.prob_thresh,
        "nms_thresh": settings.nms_thresh,
        "percentiles": limits,
        **({"field_of_view": seen.key} if seen.key else {}),
    }
    names = ("solid.tif", "objects.csv", "labels.tif")
    files = [run.path / name for name in names]
    if run.is_done("segment 3-D", key, files):
        return files[-1]
    run.check_free({"segment 3-D": files})
    network = load_stardist3d(model)
    with run.stage("segment 3-D", key) as notes:
        grey = fill_outside(volume.data, seen)
        labels, found = network.predict_instances(
            normalize(grey, limits),
            prob_thresh=settings.prob_thresh,
            nms_thresh=settings.nms_thresh,
            n_tiles=tuple(-(-side // _TILE) for side in grey.shape),
            show_tile_progress=False,
        )
        labels = labels.astype(np.int32)
        table = pd.DataFrame({"probability": found["prob"]})
        table.insert(0, "label", np.arange(1, len(table) + 1))
        solid, void = find_void(grey, labels, volume.spacing)
        table["Void"] = np.array(WORDS)[void[table["label"]]]
        say_void(told(void[1:]))
        own = label_digest(labels)
        note = Recorded(own, files[2].name).note
        write_mask(files[0], coded(solid, labels, void), volume.known_size, note)
        write_table(table, files[1])
        write_labels(files[2], labels, volume.known_size, Recorded(own).note)
        notes["particles"] = len(table)
    return files[-1]
