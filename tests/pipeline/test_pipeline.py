"""The full pipeline on small generated electrodes: files, resume, many volumes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fused_run import corrected
from particlebridge.analysis import electrode, score
from particlebridge.bridge import fuse_folder, measure_files, read_labels, read_volume, run, segment
from particlebridge.bridge.volumes.writing import write_labels, write_stack

MAIN = "from particlebridge.bridge.cli.app import main; main()"
RADIUS = (6.0, 14.0)


@pytest.fixture(scope="module")
def made():
    return electrode((40, 72, 72), seed=11, radius=RADIUS)


@pytest.fixture(scope="module")
def volume(made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("volumes") / "electrode.tif"
    write_stack(path, made.volume, made.volume.shape, np.uint16, made.spacing)
    return path


@pytest.fixture(scope="module")
def finished(volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run([volume], out, diameter=22)
    return out


def test_a_run_folder_holds_what_the_design_names(finished: Path, made) -> None:
    for view in ("xy", "xz", "yz"):
        for name in ("labels.tif", "prob.tif", "dist.tif"):
            assert (finished / "views" / view / name).is_file()
        assert (finished / "rois" / f"{view}.zip").is_file()
        assert not (finished / "views" / view / ".particlebridge-slices").exists()
    for name in ("run.json", "labels.tif", "solid.tif", "features.csv", "contacts.csv",
                 "fusion.csv", "report.html"):  # fmt: skip
        assert (finished / name).is_file(), name
    shape = made.volume.shape
    assert read_labels(finished / "labels.tif").shape == shape
    assert read_labels(finished / "views/xz/labels.tif").shape == (shape[1], shape[0], shape[2])
    assert read_labels(finished / "views/yz/labels.tif").shape == (shape[2], shape[0], shape[1])
    assert read_volume(finished / "labels.tif").spacing == pytest.approx(made.spacing)


def test_most_particles_are_found(finished: Path, made) -> None:
    result = score(made.labels, read_labels(finished / "labels.tif"))
    assert result.f1[0.5] > 0.7


def test_labels_of_a_view_start_again_in_every_slice(finished: Path) -> None:
    for plane in read_labels(finished / "views/xy/labels.tif"):
        present = np.unique(plane[plane > 0])
        assert present.size == 0 or present[0] >= 1
        assert present.size == 0 or present[-1] <= 200


def test_few_particles_make_no_forest_but_a_report_that_says_why(finished: Path) -> None:
    table = pd.read_csv(finished / "features.csv")
    assert len(table) < 50
    assert not (finished / "importance.csv").exists()
    assert "50" in (finished / "report.html").read_text("utf-8")


def test_run_json_tells_how_to_repeat_the_run(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert record["settings"]["method"] == "consensus"
    assert record["software"]["tensorflow"]
    assert record["volume"]["voxel_size_from"] == "metadata"
    assert record["stages"]["segment xy"]["model_digest"]
    assert record["stages"]["fuse"]["seconds"] >= 0
    (sizes,) = record["found_diameter"].values()
    assert sizes["used"] == 22
    assert 15 < sizes["found"] < 30
    verdict = record["stages"]["fuse"]["verdict"]
    assert verdict["word"] in ("trust", "check")
    page = (finished / "report.html").read_text("utf-8")
    assert verdict["sentence"][1:] in page.replace("&#39;", "'")
    assert (finished / "figures" / "worst_slices.png").is_file()


def test_a_second_run_does_nothing_again(finished: Path, volume: Path) -> None:
    files = [
        p
        for p in finished.rglob("*")
        if p.is_file() and p.name not in ("run.json", ".particlebridge-lock")
    ]
    before = {p: p.stat().st_mtime_ns for p in files}
    run([volume], finished, diameter=22)
    assert {p: p.stat().st_mtime_ns for p in files} == before


def test_a_second_round_looks_at_bodies_only_and_says_what_it_changed(
    finished: Path, volume: Path, made, tmp_path: Path
) -> None:
    out = tmp_path / "twice"
    shutil.copytree(finished / "views", out / "views")
    shutil.copytree(finished / "rois", out / "rois")
    shutil.copy(finished / "run.json", out)
    run([volume], out, diameter=22, rounds=2)
    first = read_labels(out / "round1" / "labels.tif")
    assert np.array_equal(first, read_labels(finished / "labels.tif"))
    masked = read_volume(out / "round2" / "volume.tif").data
    assert np.array_equal(masked[first > 0], made.volume[first > 0])
    assert np.unique(masked[first == 0]).size == 1
    second = read_labels(out / "labels.tif")
    assert np.mean(first[second > 0] > 0) > 0.9
    assert score(first, second).f1[0.5] > 0.7
    said = json.loads((out / "run.json").read_text())["stages"]["fuse"]["second_round"]
    n_first, n_second = (len(np.unique(labels)) - 1 for labels in (first, second))
    assert said["found_by_both"] + said["lost"] == n_first
    assert said["found_by_both"] + said["gained"] == n_second
    assert "second_round" in (out / "report.html").read_text("utf-8")
    table = pd.read_csv(out / "fusion.csv")
    assert said["confidence_after"] == pytest.approx(table["confidence"].mean(), abs=1e-3)


def test_other_settings_in_the_same_folder_are_refused(finished: Path, volume: Path) -> None:
    with pytest.raises(ValueError, match=r"views.xy holds results with diameter = 22.* --out"):
        run([volume], finished, diameter=30)


def test_another_method_reuses_the_views(finished: Path, volume: Path, tmp_path: Path) -> None:
    target = fuse_folder(finished, volume=volume, method="flow", out=tmp_path / "labels.tif")
    assert (tmp_path / "solid.tif").is_file()
    assert read_labels(target).max() > 0


def test_labels_alone_can_be_fused(finished: Path, tmp_path: Path) -> None:
    for view in ("xy", "xz"):
        folder = tmp_path / "views" / view
        folder.mkdir(parents=True)
        (folder / "labels.tif").write_bytes((finished / "views" / view / "labels.tif").read_bytes())
    labels = read_labels(fuse_folder(tmp_path))
    assert labels.max() > 0
    assert not (tmp_path / "solid.tif").exists()


def test_killed_at_any_moment_a_run_resumes_to_the_same_result(
    finished: Path, volume: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-c", MAIN, "segment", volume, "--out", out, "--diameter", "22"]
    parts = out / "views" / "xy" / ".particlebridge-slices"
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(parts.glob("0*.npz"))) < 7:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    process.wait()
    kept = {p.name: p.stat().st_mtime_ns for p in parts.glob("0*.npz")}
    assert 7 <= len(kept) < 40
    segment(volume, out, diameter=22)
    record = json.loads((out / "run.json").read_text())
    assert record["stages"]["segment xy"]["resumed_slices"] == len(kept)
    for view in ("xy", "xz", "yz"):
        for name in ("labels.tif", "prob.tif", "dist.tif"):
            resumed = read_volume(out / "views" / view / name).data
            undisturbed = read_volume(finished / "views" / view / name).data
            assert np.array_equal(resumed, undisturbed), (view, name)


def test_one_bad_volume_does_not_stop_the_others(volume: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"not a tiff")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"path,state\n{volume},10\nbad.tif,50\n")
    with pytest.raises(RuntimeError, match=r"1 of 2 volumes failed.*bad\.tif"):
        run([sheet], tmp_path / "out", views=("xy",), diameter=22)
    table = pd.read_csv(tmp_path / "out" / "features.csv")
    assert set(table["volume"]) == {"electrode"}
    assert set(table["state"]) == {10}
    assert (tmp_path / "out" / "report.html").is_file()


def test_measuring_files(made, volume: Path, tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.tif", made.labels, made.spacing)
    write_labels(tmp_path / "solid.tif", made.solid.astype(np.uint8), made.spacing)
    out = tmp_path / "features.csv"
    measure_files(volume, tmp_path / "labels.tif", out, solid=tmp_path / "solid.tif")
    table = pd.read_csv(out).merge(made.truth, on="label", suffixes=("", "_true"))
    assert np.allclose(table["Damage"], table["Damage_true"], atol=1e-6)
    with pytest.raises(ValueError, match=r"labels\.tif: has shape"):
        small = tmp_path / "small.npy"
        np.save(small, made.volume[:-1])
        measure_files(small, tmp_path / "labels.tif", out, labels_are="body")


def test_measuring_takes_the_voxel_size_of_labels_where_the_volume_has_none(
    made, tmp_path: Path
) -> None:
    np.save(tmp_path / "volume.npy", made.volume)
    write_labels(tmp_path / "labels.tif", made.labels, made.spacing)
    out = tmp_path / "features.csv"
    measure_files(tmp_path / "volume.npy", tmp_path / "labels.tif", out, labels_are="body")
    table = pd.read_csv(out)
    voxels = np.bincount(made.labels.ravel())[table["label"]]
    assert np.allclose(table["Volume"], voxels * np.prod(made.spacing), rtol=1e-5)


def test_a_run_without_a_voxel_size_warns_in_its_report(
    finished: Path, made, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)  # the views are there: only what follows is done anew
    np.save(tmp_path / "plain.npy", made.volume)
    caution = "plain records no voxel size"
    assert caution not in (out / "report.html").read_text("utf-8")
    page = run([tmp_path / "plain.npy"], out, diameter=22).read_text("utf-8")
    assert caution in page


def test_fiji_asked_for_and_not_there_is_an_error(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIJI_HOME", raising=False)
    with pytest.raises((FileNotFoundError, RuntimeError, ValueError), match="Fiji"):
        segment(volume, tmp_path / "o", engine="fiji", fiji=str(tmp_path / "nowhere"), diameter=22)


def test_run_again_applies_corrections_and_carries_them_over_to_another_fusion(
    finished: Path, volume: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "again"))
    labels = corrected(out)
    run([volume], out, diameter=22)
    np.testing.assert_array_equal(read_labels(out / "labels.tif"), labels)
    before = (finished / "labels.tif").read_bytes()
    assert (out / "fused" / "labels.tif").read_bytes() == before
    assert "What was corrected by hand?" in (out / "report.html").read_text("utf-8")
    run([volume], out, diameter=22, method="flow")
    assert (out / "fused" / "labels.tif").read_bytes() != before
    notes = json.loads((out / "run.json").read_text("utf-8"))["stages"]["corrections"]
    assert notes["carried_over"] + len(notes["no_longer_fits"]) == 5
    assert notes["carried_over"] >= 2
    fusion = pd.read_csv(out / "fusion.csv")
    assert set(fusion["label"]) == set(np.unique(read_labels(out / "labels.tif"))) - {0}
