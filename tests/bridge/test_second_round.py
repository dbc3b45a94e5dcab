"""What a second round of detection says of itself."""

import json
from pathlib import Path

import numpy as np
from particlebridge.analysis import VIEWS, Fusion, ViewStack, fuse
from particlebridge.bridge.second_round import what_changed
from particlebridge.bridge.volumes.tables import write_table
from particlebridge.bridge.volumes.writing import write_labels


def kept(folder: Path, fusion: Fusion) -> Path:
    write_labels(folder / "labels.tif", fusion.labels, (1, 1, 1))
    write_table(fusion.table, folder / "fusion.csv")
    return folder / "labels.tif"


def fused(*bodies: slice) -> Fusion:
    labels = np.zeros((12, 12, 40), np.int32)
    for name, where in enumerate(bodies, 1):
        labels[2:10, 2:10, where] = name
    return fuse({"xy": ViewStack(labels)})


def test_what_was_found_lost_and_gained(tmp_path: Path) -> None:
    first = kept(tmp_path, fused(slice(2, 10), slice(12, 20)))
    second = kept(tmp_path / "again", fused(slice(2, 10), slice(22, 30), slice(31, 39)))
    assert what_changed(first, second) == {
        "found_by_both": 1,
        "lost": 1,
        "gained": 2,
        "split": 0,
        "joined": 0,
        "confidence_before": 1.0,
        "confidence_after": 1.0,
    }


def test_without_bodies_it_is_still_json(tmp_path: Path) -> None:
    nothing = fuse({view: ViewStack(np.zeros((6, 6, 6), np.int32)) for view in VIEWS})
    said = what_changed(kept(tmp_path, nothing), kept(tmp_path / "again", nothing))
    assert said["confidence_after"] is None
    assert json.dumps(said, allow_nan=False)
