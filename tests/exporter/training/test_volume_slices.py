"""Slices of labelled volumes: what is learned from, what is held out, what nobody annotated."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from particlebridge.analysis import resize
from particlebridge.bridge.cli.app import app
from particlebridge.exporter import Thresholds, TrainingResult, TrainOptions, load_model, train
from particlebridge.exporter.training.examples import Example
from particlebridge.exporter.training.scale import rescale_examples
from particlebridge.exporter.training.volume_slices import volume_slices
from typer.testing import CliRunner

SPACING = (2.0, 1.0, 1.0)
VIEWS = ("xy", "xz", "yz")
TINY = TrainOptions(
    epochs=1, steps=2, batch=2, patch=32, rays=8, filters=4, depth=1, learning_rate=2e-3
)


def balls(shape: tuple[int, int, int] = (20, 40, 90)) -> tuple[np.ndarray, np.ndarray]:
    """Balls of diameter 10 in voxels twice as high as wide, on noise."""
    z, y, x = (
        (np.arange(n) + 0.5) * side for n, side in zip(shape, SPACING, strict=True)
    )  # in lengths
    labels = np.zeros(shape, np.int32)
    number = 0
    for row, cy in enumerate(np.arange(8, y[-1] - 4, 14)):
        for column, cx in enumerate(np.arange(8, x[-1] - 4, 14)):
            # Neighbours stand half a step higher: every slice holds some.
            for cz in np.arange(8 + 7 * ((row + column) % 2), z[-1] - 4, 14):
                number += 1
                ball = (z[:, None, None] - cz) ** 2 + (y[:, None] - cy) ** 2 + (x - cx) ** 2
                labels[ball < 25] = number
    noise = np.random.default_rng(1).normal(0, 10, shape)
    return (60 + 90 * (labels > 0) + noise).astype(np.uint8), labels


def numbers(examples: list[Example]) -> set[int]:
    return {int(n) for one in examples for n in np.unique(one.labels) if n > 0}


def test_a_slab_is_held_out_behind_a_gap_of_one_diameter() -> None:
    volume, labels = balls()
    made = volume_slices([Example("v.tif", volume, labels)], VIEWS, SPACING)
    assert numbers(made.train) and numbers(made.held_out)
    assert not numbers(made.train) & numbers(made.held_out)
    (note,) = (note for note in made.notes if "held out, after a gap" in note)
    assert "along the X axis" in note  # 90 long, against 40 and 40
    # The typical section is a little narrower than the ball of 10.
    gap = int(note.split("a gap of ")[1].split()[0])
    assert 8 <= gap <= 10
    first = max(one.labels.shape[1] for one in made.train if "view xy" in one.name)
    last = max(one.labels.shape[1] for one in made.held_out if "view xy" in one.name)
    assert first + gap + last == 90
    deep = int((labels > 0).any(axis=(1, 2)).sum())  # the outermost slices hold no particle
    for view, shape in (("xy", (40, first)), ("xz", (deep, first)), ("yz", (deep, 40))):
        some = [one for one in made.train if f", view {view}, " in one.name]
        assert some and {one.labels.shape for one in some} == {shape}
    # A slice is named by its place in the volume.
    held = next(one for one in made.held_out if ", view yz, " in one.name)
    place = int(held.name.rsplit(" ", 1)[1]) - 1
    assert place >= first + gap
    middle = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    np.testing.assert_array_equal(held.image, volume[middle, :, place])


def test_slices_become_square_as_the_engine_makes_them() -> None:
    volume, labels = balls()
    made = volume_slices([Example("v", volume, labels)], ("xz",), SPACING)
    ready, _ = rescale_examples(made.train, None)
    raw = made.train[0].image
    square = (2 * raw.shape[0], raw.shape[1])
    np.testing.assert_array_equal(ready[0].image, resize(raw, square))
    assert {one.image.shape for one in ready} == {square}
    assert set(np.unique(ready[0].labels)) == set(np.unique(made.train[0].labels))
    # Brought to a diameter, one resampling does both; sizes are those of square pixels.
    (enlarged, *_), (note,) = rescale_examples(made.train, 20.0)
    scale = float(note.split("rescaled by ")[1].split(":")[0])
    assert scale == pytest.approx(2, rel=0.15)
    assert enlarged.labels.shape[0] == pytest.approx(square[0] * scale, abs=1)


def test_slices_that_nobody_annotated_are_not_taught() -> None:
    volume, labels = balls()
    sparse = np.zeros_like(labels)
    sparse[[4, 9, 16]] = labels[[4, 9, 16]]
    made = volume_slices([Example("v", volume, sparse)], VIEWS, SPACING)
    names = {one.name for one in (*made.train, *made.held_out)}
    assert names == {f"v, view xy, slice {k}" for k in (5, 10, 17)}
    assert any("17 of 20 slices hold no label" in note for note in made.notes)
    assert any("3 annotated slices have too few annotated neighbours" in n for n in made.notes)
    with pytest.raises(ValueError, match="no slice of view xz can be trained on"):
        volume_slices([Example("v", volume, sparse)], ("xz",), SPACING)
    # A slab as thick as a particle shows its particles from the side, and nothing beyond.
    slab = np.where((np.arange(20) < 10)[:, None, None], labels, 0)
    made = volume_slices([Example("v", volume, slab)], ("yz",), SPACING)
    assert {one.labels.shape[0] for one in made.train} == {10 - 2}


def test_what_is_too_small_to_be_parted_is_said_to_be_no_test() -> None:
    volume, labels = balls((20, 20, 24))
    made = volume_slices([Example("v", volume, labels)], ("xy",), SPACING)
    assert any("so the scores below are not a test" in note for note in made.notes)
    with pytest.raises(ValueError, match="no object is annotated"):
        volume_slices([Example("v", volume, 0 * labels)], ("xy",), SPACING)
    with pytest.raises(ValueError, match="three axes and one shape"):
        volume_slices([Example("v", volume, labels[1:])], ("xy",), SPACING)
    with pytest.raises(ValueError, match="views must be out of"):
        volume_slices([Example("v", volume, labels)], ("xy", "xy"), SPACING)


def test_the_command_trains_on_any_file_that_run_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from particlebridge import exporter

    volume, labels = balls()
    marked = labels.copy()
    marked[:, 30:, :10] = -1
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["raw"], file["mine"] = volume, marked

    def tiny(*, options: TrainOptions, **more: Any) -> TrainingResult:
        return train(**more, options=TINY)

    monkeypatch.setattr(exporter, "train", tiny, raising=False)
    # An untrained network proposes objects everywhere: tuning it takes long and says nothing.
    monkeypatch.setattr(
        "particlebridge.exporter.training.threshold_tuning.tune_thresholds",
        lambda *_: Thresholds(0.6, 0.3),
    )
    call = [
        "train", "--images", f"{tmp_path}/scan.h5::/raw", "--labels", f"{tmp_path}/scan.h5::/mine",
        "--voxel-size", "2,1,1um", "--views", "xy,xz", "--out", str(tmp_path / "m"),
    ]  # fmt: skip
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "m/training.json").read_text())
    assert all(name.startswith("scan.h5::/raw, view x") for name in told["train"])
    assert any("held out, after a gap" in note for note in told["notes"])
    # Sides of 2 and 1 became squares: the particles are as wide in both views.
    assert load_model(tmp_path / "m").diameter == pytest.approx(9, abs=1)
    tifffile.imwrite(tmp_path / "small.tif", labels[1:])
    refused = CliRunner().invoke(
        app, [*call[:4], f"{tmp_path}/small.tif", *call[5:-1], f"{tmp_path}/n"]
    )
    assert refused.exit_code == 1 and not (tmp_path / "n").exists()
