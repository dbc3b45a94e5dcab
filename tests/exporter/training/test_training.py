"""Real StarDist trainings, as small as they can be."""

import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from particlebridge.exporter import (
    Thresholds,
    TrainingProgress,
    TrainingResult,
    TrainOptions,
    load_model,
    train,
    write_rois,
    write_via,
)

TINY = TrainOptions(
    epochs=4, steps=3, batch=2, patch=32, rays=8, filters=4, depth=1, learning_rate=2e-3
)


def disks(count: int = 4, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Bright disks of diameter 14 on noise, images of different sizes, one below a patch."""
    rng = np.random.default_rng(seed)
    images, labels = [], []
    for k in range(count):
        shape = (28, 30) if k == 0 else (48 + 8 * k, 56)
        y, x = np.mgrid[: shape[0], : shape[1]]
        truth = np.zeros(shape, np.int32)
        for n, centre in enumerate(rng.uniform(9, np.array(shape) - 9, (9, 2)), start=1):
            disk = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 49
            near = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 81
            if not truth[near].any():
                truth[disk] = n
        images.append((60 + 90 * (truth > 0) + rng.normal(0, 12, shape)).astype(np.uint8))
        labels.append(truth)
    return images, labels


def weights(folder: Path) -> list[np.ndarray]:
    return load_model(folder).stardist.keras_model.get_weights()  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, list]:
    seen: list[TrainingProgress] = []
    out = tmp_path_factory.mktemp("models") / "whole"
    return train(*disks(), out, options=TINY, progress=seen.append), seen


def test_what_a_training_leaves(trained: tuple[TrainingResult, list]) -> None:
    result, seen = trained
    assert {path.name for path in result.path.iterdir()} == {
        "config.json", "weights_best.h5", "thresholds.json", "particlebridge.json",
        "training.json", "training.html", "history.csv",
    }  # fmt: skip
    assert [path.name for path in result.path.parent.iterdir()] == ["whole"]  # no work left
    assert [(p.epoch, p.step) for p in seen] == [(e, s) for e in range(1, 5) for s in range(1, 4)]
    assert np.isfinite([p.loss for p in seen]).all()
    record = json.loads((result.path / "particlebridge.json").read_text())
    assert record["numerics"] == "plugin" and record["percentiles"] == [1.0, 99.8]
    assert record["seed"] == 42 and "stardist" in record["versions"]
    assert record["thresholds"] == json.loads((result.path / "thresholds.json").read_text())
    # Disks of radius 7: pi 7^2 pixels within the lattice's rounding.
    assert abs(record["diameter"] - 14) < 0.5
    assert record["own_scale"] is True
    assert any("typical particle diameter of 14" in n and "own" in n for n in result.notes)
    network = load_model(result.path)
    assert network.own_scale
    assert network.diameter == record["diameter"] and network.digest == record["digest"]
    assert network.rays == 8 and network.grid == (2, 2)
    told = json.loads((result.path / "training.json").read_text())
    # 15 % of four images is one, chosen by seed 42 as in StarDist's notebooks.
    held_out = np.random.RandomState(42).permutation(4)[-1] + 1
    assert told["validation"] == [f"image {held_out}"] and len(told["train"]) == 3
    assert told["unseen"] == [] and told["f1_unseen"] is None
    html = (result.path / "training.html").read_text()
    assert "None: all images were needed" in html and "so that these scores flatter" in html
    assert html.count("data:image/png;base64,") >= 3 and "http" not in html
    history = pd.read_csv(result.path / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    # The kept weights are those of the best epoch.
    assert history["val_loss"].min() < history["val_loss"][0]


_TRAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[3]))
tf.config.threading.set_inter_op_parallelism_threads(int(sys.argv[4]))
from test_training import TINY, disks
from particlebridge.exporter import train
train(*disks(), sys.argv[2], options=TINY,
      progress=lambda p: print(p.epoch, p.step, flush=True))
"""


def test_killed_and_repeated_gives_the_weights_of_an_uninterrupted_run(
    trained: tuple[TrainingResult, list], tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    # The order of sums follows the number of threads, which an earlier test may have set here.
    threads = importlib.import_module("tensorflow").config.threading
    numbers = (
        threads.get_intra_op_parallelism_threads(),
        threads.get_inter_op_parallelism_threads(),
    )
    here = str(Path(__file__).parent)
    arguments = [sys.executable, "-c", _TRAIN, here, str(out), *map(str, numbers)]
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == ["3", "2"]:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    assert not out.exists()
    with pytest.raises(FileExistsError, match="unfinished training"):
        train(*disks(seed=5), out, options=TINY)
    result = train(*disks(), out, options=TINY)
    assert result.resumed_at == 2
    assert len(result.history) == 4
    whole, _ = trained
    for ours, theirs in zip(weights(out), weights(whole.path), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    pd.testing.assert_frame_equal(result.history, whole.history)
    assert result.thresholds == whole.thresholds
    with pytest.raises(FileExistsError, match="exists"):
        train(*disks(), out, options=TINY)


def test_a_cosine_schedule_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    options = replace(TINY, schedule="cosine", bfloat16=True)

    def stop(at: TrainingProgress) -> None:
        if at.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(*disks(), tmp_path / "cut", options=options, progress=stop)
    cut = train(*disks(), tmp_path / "cut", options=options)
    whole = train(*disks(), tmp_path / "whole", options=options)
    assert cut.resumed_at == 2 and whole.resumed_at == 0
    pd.testing.assert_frame_equal(cut.history, whole.history)
    # Of 12 steps one rises to the peak; the cosine of the other eleven ends at zero.
    steps = np.array([3, 6, 9, 12]) - 1
    expected = 2e-3 * (1 + np.cos(np.pi * steps / 11)) / 2
    np.testing.assert_allclose(whole.history["learning_rate"], expected, rtol=1e-5, atol=1e-9)
    for ours, theirs in zip(weights(cut.path), weights(whole.path), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_training_goes_on_from_a_model_at_its_scale(
    trained: tuple[TrainingResult, list], tmp_path: Path
) -> None:
    whole, _ = trained
    images, labels = disks()
    doubled = [np.kron(x, np.ones((2, 2), x.dtype)) for x in images]
    said: list[str] = []
    options = TrainOptions(
        epochs=1, steps=1, batch=1, patch=32, learning_rate=1e-7, augmentation=None
    )
    result = train(
        doubled,
        [np.kron(y, np.ones((2, 2), y.dtype)) for y in labels],
        tmp_path / "on",
        start=whole.path,
        options=options,
        notice=said.append,
        progress=lambda _: said.append("trains"),
    )
    # What there is to say about the images is said before the training.
    before = said[: said.index("trains")]
    (scale,) = (float(note.split()[4][:-1]) for note in before if "rescaled by" in note)
    assert scale == pytest.approx(0.5, abs=0.01)
    assert "images are brought to it before they are segmented" in before[-1]
    assert [note for note in said if note != "trains"] == list(result.notes)
    told = json.loads((result.path / "training.json").read_text())
    assert set(told["scale"]) == {f"image {k + 1}" for k in range(4)}
    assert (
        json.loads((result.path / "particlebridge.json").read_text())["scale"]
        == [pytest.approx(0.5, abs=0.01)] * 2
    )
    assert abs(result.diameter - whole.diameter) < 0.3
    assert result.before is not None
    # Images were brought to the model's scale: so are those that are segmented with it.
    assert result.own_scale is False and not load_model(result.path).own_scale
    # A tiny step at a tiny rate: still the old network, whatever the options's own rays.
    for ours, theirs in zip(weights(result.path), weights(whole.path), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    colour = [np.stack([x, 255 - x, x], axis=-1) for x in images]
    with pytest.raises(ValueError, match="1 channel"):
        train(colour, labels, tmp_path / "colour", start=whole.path, options=options)
    with pytest.raises(ValueError, match="multiple of 4"):
        train(images, labels, tmp_path / "odd", start=whole.path, options=TrainOptions(patch=34, depth=0 + 1, grid=(1, 1)))  # noqa: E501  # fmt: skip
    with pytest.raises(FileNotFoundError):
        train(images, labels, tmp_path / "none", start="no-such-model", options=options)
    assert {path.name for path in tmp_path.iterdir()} == {"on"}


def test_one_image_from_files_is_split(tmp_path: Path) -> None:
    images, labels = disks(1, seed=3)
    image, truth = (np.tile(a[0], (1, 6)) for a in (images, labels))
    truth = truth + 20 * (np.arange(truth.shape[1]) // 30) * (truth > 0)
    tifffile.imwrite(tmp_path / "scan.tif", image)
    write_rois(truth, tmp_path / "scan.zip")
    options = TrainOptions(epochs=1, steps=1, batch=1, patch=32, rays=8, filters=4, depth=1)
    result = train(tmp_path / "scan.tif", tmp_path / "scan.zip", tmp_path / "m", options=options)
    assert any("held out for validation" in note and "X axis" in note for note in result.notes)


def test_volumes(tmp_path: Path) -> None:
    z, y, x = np.mgrid[:10, :20, :20]
    labels = np.zeros((10, 20, 20), np.int32)
    for k, (a, b, c) in enumerate([(4, 5, 5), (5, 14, 5), (5, 5, 14), (4, 14, 14)], start=1):
        labels[((z - a) * 1.5) ** 2 + (y - b) ** 2 + (x - c) ** 2 < 16] = k
    volume = (50 + 100 * (labels > 0)).astype(np.uint8)
    options = TrainOptions(
        epochs=1, steps=2, batch=1, patch=16, patch_depth=8, rays=8, filters=4, depth=1
    )
    result = train([volume] * 2, [labels] * 2, tmp_path / "m", dims=3, options=options)
    config = json.loads((result.path / "config.json").read_text())
    assert config["n_dim"] == 3 and config["grid"] == [1, 2, 2]
    assert config["anisotropy"][0] == pytest.approx(7 / 5)  # 7 wide, 5 high
    record = json.loads((result.path / "particlebridge.json").read_text())
    assert record["numerics"] == "stardist"
    with pytest.raises(ValueError, match="3-D"):
        load_model(result.path)
    with pytest.raises(ValueError, match=r"3-D StarDist model; train it on volumes"):
        train(*disks(2), tmp_path / "flat", start=result.path)


def test_a_via_project_trains_the_images_it_knows(tmp_path: Path) -> None:
    from particlebridge.exporter.training.pairing import gather_examples

    images, labels = disks(3)
    for k, image in enumerate(images):
        tifffile.imwrite(tmp_path / f"scan_{k}.tif", image)
    write_via({"scan_1.tif": labels[1], "scan_2.png": labels[2]}, tmp_path / "via.json")
    examples, notes = gather_examples(str(tmp_path / "*.tif"), tmp_path / "via.json")
    assert [example.name for example in examples] == ["scan_1.tif", "scan_2.tif"]
    np.testing.assert_array_equal(examples[0].labels > 0, labels[1] > 0)
    assert notes == ["scan_0.tif is not annotated in via.json and was left out."]


def test_unseen_images_are_scored_apart(tmp_path: Path) -> None:
    result = train(*disks(7), tmp_path / "m", options=replace(TINY, epochs=1, unseen=0.2))
    told = json.loads((result.path / "training.json").read_text())
    names = [*told["train"], *told["validation"], *told["unseen"]]
    assert len(told["unseen"]) == 1 and len(set(names)) == len(names) == 7
    assert result.f1_unseen is not None and told["f1_unseen"]["0.5"] == result.f1_unseen[0.5]
    html = (result.path / "training.html").read_text()
    assert "Unseen images" in html and "this is what to expect" in html


def test_a_diameter_rescales_the_images_and_is_recorded(tmp_path: Path) -> None:
    options = replace(TINY, epochs=1, steps=1, diameter=21)
    result = train(*disks(), tmp_path / "m", options=options)
    network = load_model(result.path)
    assert network.diameter == pytest.approx(21, abs=0.7) and not network.own_scale
    assert any("brought to it before they are segmented" in note for note in result.notes)


def test_the_published_settings_are_the_notebook_s() -> None:
    options = TrainOptions.published(2)
    assert (options.epochs, options.steps, options.batch, options.patch) == (50, 100, 4, 256)
    assert (options.rays, options.grid, options.validation, options.split_seed) == (
        32,
        (2, 2),
        0.15,
        42,
    )
    assert options.augmentation is None and options.patience is None and options.unseen == 0
    assert TrainOptions.augmented(2) == TrainOptions()


def test_no_example_in_which_all_is_found_is_called_worst() -> None:
    from particlebridge.exporter.training.examples import Example
    from particlebridge.exporter.training.report import _worst
    from particlebridge.exporter.training.threshold_tuning import summarise

    images, labels = disks(3)
    examples = [Example(f"{k}", *pair) for k, pair in enumerate(zip(images, labels, strict=True))]
    numbers = np.unique(labels[1])[1:]
    lost = np.where(labels[1] == numbers[0], 0, labels[1])
    found = [labels[0], lost, labels[2]]
    ((caption, _),) = _worst([(examples, summarise(examples, found, Thresholds()))])
    assert caption.startswith(f"1: {len(numbers)} drawn, {len(numbers) - 1} found, F1 0.")
    assert _worst([(examples, summarise(examples, labels, Thresholds()))]) == []


def test_the_command_line_takes_published_settings_and_a_diameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from particlebridge import exporter
    from particlebridge.bridge.cli.app import app
    from typer.testing import CliRunner

    seen: list[TrainOptions] = []

    def training(*_: object, options: TrainOptions, **__: object) -> None:
        seen.append(options)
        raise ValueError("enough")

    monkeypatch.setattr(exporter, "train", training, raising=False)
    usual = ["train", "--images", "a", "--labels", "b", "--out", str(tmp_path / "m")]
    for more in ([], ["--published", "--epochs", "7"], ["--diameter", "40.5"]):
        CliRunner().invoke(app, usual + more)
    assert seen == [
        TrainOptions(),
        replace(TrainOptions.published(2), epochs=7),
        replace(TrainOptions(), diameter=40.5),
    ]
