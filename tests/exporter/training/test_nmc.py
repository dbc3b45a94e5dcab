"""The shipped model, and the training that makes one like it."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import electrode, score, typical_diameter
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.engines.python import PythonEngine
from particlebridge.exporter import load_model, train_nmc
from particlebridge.exporter.networks.model_folders import SHIPPED
from particlebridge.exporter.networks.record import Thresholds, folder_digest, read_record
from particlebridge.exporter.training.nmc.training import NMC_OPTIONS, TRAINING_DIAMETER
from skimage.segmentation import clear_border

FOLDER = SHIPPED / "nmc"


def test_shipped_files_agree():
    record = read_record(FOLDER / "particlebridge.json")
    assert record.digest == folder_digest(FOLDER)
    assert record.numerics == "plugin"
    tuned = json.loads((FOLDER / "thresholds.json").read_text())
    assert tuned == {"prob": record.thresholds.prob, "nms": record.thresholds.nms}
    assert (FOLDER / "weights_best.h5").stat().st_size <= 8 * 2**20


def test_stardist_itself_loads_it():
    from stardist.models import StarDist2D

    model = StarDist2D(None, name="nmc", basedir=str(SHIPPED))
    assert model.keras_model.dtype == "float32"
    assert model.thresholds.prob == read_record(FOLDER / "particlebridge.json").thresholds.prob


@pytest.mark.parametrize("contrast", [1.0, 0.5])
def test_it_finds_the_particles_of_an_unseen_electrode(contrast):
    made = electrode((40, 160, 160), seed=77, contrast=contrast, band=0.0, view=1.5)
    truth = made.labels[20]
    areas = np.bincount(truth.ravel())
    diameter = typical_diameter(areas[1:])
    caps = areas < np.pi / 4 * (0.25 * diameter) ** 2
    truth = clear_border(np.where(caps[truth], 0, truth))
    engine = PythonEngine("nmc", Settings(diameter=diameter))
    labels = engine.segment(made.volume[20]).labels
    assert score(truth, labels).recall[0.5] >= 0.9
    assert score(made.labels[20], labels).precision[0.5] >= 0.8


def test_train_nmc_leaves_a_model(tmp_path, monkeypatch):
    # An untrained network proposes objects everywhere: tuning it takes minutes and says nothing.
    monkeypatch.setattr(
        "particlebridge.exporter.training.threshold_tuning.tune_thresholds",
        lambda *_: Thresholds(0.6, 0.3),
    )
    out = train_nmc(tmp_path / "mine", replace(NMC_OPTIONS, epochs=2, steps=1, filters=4), slices=3)
    network = load_model(out)
    assert (network.rays, network.backend) == (32, "onnx")
    prob, dist = network.predict(np.zeros((64, 64), np.float32))
    assert prob.shape == (32, 32)
    assert dist.shape == (32, 32, 32)
    history = pd.read_csv(out / "history.csv")
    # Warmed up in one step, then down the cosine to the last one.
    assert history["learning_rate"].tolist() == pytest.approx([4e-4, 0], abs=1e-9)
    assert load_model(out, "tensorflow").stardist.keras_model.dtype == "float32"
    record = read_record(out / "particlebridge.json")
    assert record.digest == folder_digest(out)
    assert record.thresholds == Thresholds(0.6, 0.3)
    assert record.diameter == TRAINING_DIAMETER and not record.own_scale
