"""Corrected results are those of the corrected labels, and the machine's own stay beside them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fused_folder import source_of
from fused_run import corrected, fused_run, generated
from particlebridge.analysis import contacts, measure, score
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.reviewing.applying import correct_run
from particlebridge.bridge.reviewing.fused_files import has_corrections, set_aside
from particlebridge.bridge.runs.measure_options import MeasureOptions
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.volumes.label_records import label_digest, recorded
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.tables import read_table

MADE = generated()
MACHINE = ("labels.tif", "solid.tif", "fusion.csv", "features.csv", "contacts.csv")


@pytest.fixture
def results(fused_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fused_once / "results", tmp_path / "results"))


def applied(results: Path, format: Any = "tiff") -> dict[str, Any]:
    run = RunFolder(results)
    source = source_of(volume_of(results), format)
    with run.locked():
        set_aside(run)
        return correct_run(source, run, MeasureOptions())


@pytest.mark.parametrize("format", ["tiff", "zarr"])
def test_results_are_of_the_corrected_labels(fused_once: Path, tmp_path: Path, format: str) -> None:
    suffix = "tif" if format == "tiff" else "zarr"
    if format == "tiff":
        results = Path(shutil.copytree(fused_once / "results", tmp_path / "results"))
    else:
        results = fused_run(tmp_path, MADE, format=format)
    before = {name: (results / name).read_bytes() for name in MACHINE if (results / name).is_file()}
    labels = corrected(results)
    notes = applied(results, format)
    assert {name: (results / "fused" / name).read_bytes() for name in before} == before
    stored = open_volume(results / f"labels.{suffix}")
    np.testing.assert_array_equal(stored.data[:], labels)
    assert stored.spacing == MADE.spacing
    solid, machines = (
        open_volume(results / place / f"solid.{suffix}").data[:] for place in ("", "fused")
    )
    old = open_volume(results / "fused" / f"labels.{suffix}").data[:]
    # Bodies that did not change keep their material, and there is none outside.
    moved = set(np.unique(labels[labels != old])) | set(np.unique(old[labels != old]))
    same = (labels == old) & ~np.isin(labels, list(moved))
    np.testing.assert_array_equal(solid[same], machines[same])
    assert not solid[labels == 0].any()
    own = label_digest(labels)
    assert recorded(results / f"labels.{suffix}") == (own, "")
    assert recorded(results / f"solid.{suffix}") == (own, f"labels.{suffix}")

    # Written with seven digits, and neighbours are described from what is written.
    table = read_table(results / "features.csv")
    seen = source_of(volume_of(results), format).seen.seen
    full = measure(MADE.volume, labels, MADE.spacing, solid, field_of_view=seen)
    pd.testing.assert_frame_equal(table, full, check_dtype=False, rtol=2e-4, atol=1e-4)
    pd.testing.assert_frame_equal(
        pd.read_csv(results / "contacts.csv"),
        contacts(labels, MADE.spacing),
        check_dtype=False,
        rtol=1e-5,
    )
    fusion = pd.read_csv(results / "fusion.csv", keep_default_na=False).set_index("label")
    assert set(fusion.index) == set(np.unique(labels)) - {0}
    counts = fusion["review"].value_counts()
    assert (counts["corrected"], counts["accepted"], counts["unsure"]) == (3, 1, 1)
    assert (fusion.loc[fusion["review"] == "corrected", "confidence"] == "").all()
    np.testing.assert_allclose(
        fusion["Volume"].astype(float), table.set_index("label")["Volume"], rtol=1e-6
    )

    assert notes["acts"] == {"delete": 1, "merge": 1, "cut": 1, "accept": 1, "unsure": 1}
    assert notes["labels"] == own
    assert (notes["changed_particles"], notes["taken_out"]) == (3, 2)
    machine = score(labels, np.asarray(old))
    assert notes["f1_of_fused"] == {"0.5": machine.f1[0.5], "0.75": machine.f1[0.75]}
    whole = table.loc[~table["Border"], "Damage"].mean()
    assert notes["mean_damage"]["corrected"] == pytest.approx(whole, abs=1e-5)


def volume_of(results: Path) -> Path:
    return Path(RunFolder(results).record["volume"]["path"])


def test_applied_twice_nothing_is_done_again_and_more_acts_go_on_from_there(results: Path) -> None:
    assert not has_corrections(results)
    corrected(results)
    applied(results)
    files = [*MACHINE, "run.json"]
    first = {name: (results / name).read_bytes() for name in files}
    applied(results)
    assert {name: (results / name).read_bytes() for name in files} == first
    with ReviewSession.open(results) as review:
        assert review.messages == []
        while review.can_undo:
            review.undo()
    notes = applied(results)
    labels = open_volume(results / "labels.tif").data
    np.testing.assert_array_equal(labels, open_volume(results / "fused" / "labels.tif").data)
    # Without corrections the tables are the machine's, but for what people say of particles.
    for name in ("features.csv", "contacts.csv"):
        assert (results / name).read_text() == (results / "fused" / name).read_text()
    assert notes["f1_of_fused"] == {"0.5": 1, "0.75": 1}
    (results / "corrections.jsonl").unlink()
    assert has_corrections(results)
    assert applied(results)["acts"] == {}


def test_labels_that_a_person_edited_afterwards_are_not_replaced(results: Path) -> None:
    corrected(results)
    applied(results)
    labels = results / "labels.tif"
    mapped = np.memmap(labels, np.uint16, "r+")
    mapped[len(mapped) // 2] ^= 1
    mapped.flush()
    with ReviewSession.open(results) as review:
        review.delete(int(review.table["label"][0]))
    edited = labels.read_bytes()
    with pytest.raises(ValueError, match="or was changed since"):
        applied(results)
    assert labels.read_bytes() == edited


def test_a_killed_move_goes_on(results: Path) -> None:
    labels = corrected(results)
    (results / "fused").mkdir()
    for name in ("solid.tif", "fusion.csv"):
        (results / name).rename(results / "fused" / name)
    applied(results)
    np.testing.assert_array_equal(open_volume(results / "labels.tif").data, labels)


def test_files_of_others_in_fused_are_not_replaced(results: Path) -> None:
    corrected(results)
    (results / "fused").mkdir()
    mine = results / "fused" / "features.csv"
    mine.write_text("mine")
    with pytest.raises(ValueError, match="was not written by a run in this folder"):
        applied(results)
    assert mine.read_text() == "mine"
