"""The ball and the reach of PDensity against the voxel size: narrow, usual, and a slip of units."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from particlebridge.analysis import measure
from particlebridge.analysis.features.reach import (
    CROP_BYTES,
    CROPS_BYTES,
    ball_doubts,
    check_ball,
    crop_bytes,
    threads_for,
)
from particlebridge.bridge import measure_files, run
from particlebridge.bridge.runs.measure_options import MeasureOptions


def _two_cubes() -> np.ndarray:
    labels = np.zeros((14, 14, 22), np.int32)
    labels[4:10, 4:10, 4:10], labels[4:10, 4:10, 10:16] = 1, 2
    return labels


@pytest.mark.parametrize("voxel", [0.5, 0.7, 1.0, 2.0, 70.0])
def test_touching_cubes_touch_whatever_the_voxel_size(voxel: float) -> None:
    contact = measure(None, _two_cubes(), (voxel,) * 3)["Contact"]
    # One voxel around a cube of 6: six faces, one of which the other cube takes.
    assert contact.to_numpy() == pytest.approx([1 / 6, 1 / 6])


def test_a_slice_thicker_than_the_ball_still_sees_its_neighbour() -> None:
    labels = np.moveaxis(_two_cubes(), 2, 0).copy()
    assert (measure(None, labels, (1.0, 0.3, 0.3))["Contact"] > 0.05).all()


def test_a_particle_of_which_nothing_around_is_seen_has_no_known_contact() -> None:
    assert measure(None, np.ones((5, 5, 5), np.int32), (0.1,) * 3)["Contact"].isna().all()


@pytest.mark.parametrize(
    ("voxel", "sentence"),
    [
        (
            0.00007,
            r"7e-05 um would make the ball of 0.7 um 10,000 voxels wide; is the size in "
            r"micrometres\? 7e-05 mm would be 0.07 um",
        ),
        (7e-8, "7e-08 m would be 0.07 um"),
        (0.001, "700 voxels wide; is the size in micrometres. 0.001 mm would be 1 um"),
    ],
)
def test_a_slip_of_the_unit_is_named(voxel: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_ball((voxel,) * 3)
    with pytest.raises(ValueError, match=sentence):
        measure(None, _two_cubes(), (voxel,) * 3)


def test_usual_sizes_pass_in_silence() -> None:
    for voxel in (0.005, 0.02, 0.07, 0.1, 0.35, 0.7):
        check_ball((voxel,) * 3)
        assert ball_doubts((voxel,) * 3, closing=True) == []


def test_nanometres_taken_for_micrometres_are_said() -> None:
    contact, closing = ball_doubts((70.0,) * 3, closing=True)
    assert "70 nm would be 0.07 um" in contact
    assert "closes no crack" in closing
    assert len(ball_doubts((1.0,) * 3)) == 1


def test_without_a_voxel_size_the_ball_counts_in_voxels() -> None:
    doubts = ball_doubts((3.0, 1.0, 1.0), closing=True, unit="voxel")
    assert doubts == [
        "the ball of 0.7 voxels is narrower than a voxel: Contact looks one voxel around a "
        "particle instead",
        "the ball of 0.7 voxels is narrower than a voxel: it closes no crack, so Damage counts "
        "enclosed holes only",
    ]
    assert ball_doubts((1.0,) * 3, 5.0, unit="voxel") == []
    with pytest.raises(ValueError, match="the ball of 400 um is taken as 400 voxels"):
        check_ball((1.0,) * 3, 400.0, "voxel")


def test_memory_of_crops_is_bounded() -> None:
    assert crop_bytes(1e6, 8) == 8 * CROP_BYTES * 1e6
    assert crop_bytes(1e8, 8) == CROP_BYTES * 1e8
    assert crop_bytes(2e7, 64) == CROPS_BYTES
    assert threads_for(1e6, 8) == 8
    assert threads_for(1e8, 8) == 1
    assert MeasureOptions(ball=30.0).bytes((0.15,) * 3) > 10 * MeasureOptions().bytes((0.07,) * 3)


def test_reach_of_density() -> None:
    labels = np.zeros((30, 30, 30), np.int32)
    labels[12:18, 12:18, 12:18] = 1
    near, far = (measure(None, labels, (1,) * 3, density_reach=r)["PDensity"][0] for r in (2, 1e12))
    assert near == pytest.approx((6 / 10) ** 3)
    assert far == pytest.approx((6 / 30) ** 3)
    with pytest.raises(ValueError, match="reach of PDensity is -1"):
        measure(None, labels, (1,) * 3, density_reach=-1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    labels = _two_cubes()
    noise = np.random.default_rng(0).integers(1, 50, labels.shape)
    tifffile.imwrite(tmp_path / "grey.tif", (labels * 100 + noise).astype(np.uint16))
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.uint16))
    return tmp_path


def test_a_slip_is_refused_before_any_work(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_work(*_: object, **__: object) -> None:
        raise AssertionError("worked first")

    monkeypatch.setattr("particlebridge.bridge.measuring_files.read_labels", no_work)
    monkeypatch.setattr("particlebridge.bridge.pipeline.find_field_of_view", no_work)
    with pytest.raises(ValueError, match=r"grey.tif: a voxel of 7e-05 um .* 7e-05 mm"):
        measure_files(files / "grey.tif", files / "labels.tif", files / "f.csv",
                      labels_are="solid", voxel_size=(0.00007,) * 3)  # fmt: skip
    with pytest.raises(ValueError, match=r"grey.tif: a voxel of 0.001 um"):
        run([files / "grey.tif"], files / "out", voxel_size=(0.001,) * 3)
    sheet = files / "sheet.csv"
    sheet.write_text("path,voxel_size\nlabels.tif,0.07\ngrey.tif,0.00007\n")
    with pytest.raises(ValueError, match=r"grey.tif: a voxel of 7e-05 um"):
        run([sheet], files / "out")
    assert sorted(f.name for f in files.iterdir()) == ["grey.tif", "labels.tif", "sheet.csv"]


def test_ball_and_reach_on_files(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = (files / "grey.tif", files / "labels.tif", files / "f.csv")
    measure_files(*where, labels_are="body", voxel_size=(70.0,) * 3)
    assert "70 nm would be 0.07 um" in capsys.readouterr().err
    measure_files(*where, labels_are="body", voxel_size=(1.0,) * 3, ball=2.0, density_reach=1.0)
    wide = pd.read_csv(files / "f.csv")
    assert wide["PDensity"].tolist() == pytest.approx([7 * 36 / 8**3] * 2)
    measure_files(*where, labels_are="body", voxel_size=(1.0,) * 3, recipe="both")
    assert {"Damage", "Damage_paper", "Volume_paper"} <= set(pd.read_csv(files / "f.csv"))
