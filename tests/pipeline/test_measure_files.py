"""Measuring files: where void comes from, and what of the volume was seen."""

from pathlib import Path

import numpy as np
import pytest
from particlebridge.analysis import electrode
from particlebridge.bridge import measure_files
from particlebridge.bridge.volumes.tables import read_table
from particlebridge.bridge.volumes.writing import write_labels, write_stack
from shapes import disc


@pytest.fixture(scope="module")
def made():
    return electrode((48, 96, 96), seed=4, radius=(6, 12))


def test_void_of_bodies_comes_from_the_grey_values(
    made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey, labels, out = (tmp_path / name for name in ("grey.tif", "labels.tif", "features.csv"))
    write_stack(grey, made.volume, made.volume.shape, made.volume.dtype, made.spacing)
    write_labels(labels, made.labels, made.spacing)
    written = measure_files(grey, labels, out, labels_are="body")
    assert (written.features, written.contacts) == (out, tmp_path / "contacts.csv")
    said = " ".join(capsys.readouterr().err.split())
    assert "no mask is given: void is found from grey values" in said
    assert "void found in" in said
    table = read_table(out).merge(made.truth, on="label", suffixes=("", "_true"))
    told = table[table["Whole"] & table["Damage"].notna()]
    assert len(told) > 0.9 * table["Whole"].sum()
    assert np.corrcoef(told["Damage"], told["Damage_true"])[0, 1] > 0.85
    assert set(table.loc[table["Damage"].isna(), "Void"]) <= {"thin", "dim", "unclear"}


def test_particles_between_clipped_pores_are_no_border(made, tmp_path: Path) -> None:
    grey, labels, out = (tmp_path / name for name in ("grey.npy", "labels.tif", "features.csv"))
    whole = np.where(made.labels > 0, 200, 0).astype(np.uint8)
    whole[:, ~disc(whole.shape)] = 0
    inside = made.labels * disc(whole.shape)
    np.save(grey, whole)
    write_labels(labels, inside, made.spacing)
    measure_files(grey, labels, out, labels_are="solid", field_of_view="none")
    sides = [np.moveaxis(inside, axis, 0)[[0, -1]].ravel() for axis in range(3)]
    faces = np.unique(np.concatenate(sides))
    table = read_table(out).set_index("label")
    assert set(table.index[table["Border"]]) == set(faces[faces > 0])
    mask = tmp_path / "mask.tif"
    write_stack(mask, [disc(whole.shape).astype(np.uint8)], (1, 96, 96), np.uint8, (1, 1, 1))
    measure_files(grey, labels, out, labels_are="solid", field_of_view=mask)
    by_mask = read_table(out).set_index("label")["Border"]
    measure_files(grey, labels, out, labels_are="solid")
    assert read_table(out).set_index("label")["Border"].equals(by_mask)
    assert len(faces) - 1 < by_mask.sum() < len(by_mask)
