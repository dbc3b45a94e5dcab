"""A page of one particle shows that particle, and refuses what is no longer what was measured."""

import functools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from fused_run import fused_run, generated
from particlebridge.analysis.report import html
from particlebridge.analysis.report.figures_particle import Cutout, profile_plate, shap_plate
from particlebridge.bridge import particle
from particlebridge.bridge.particle_pages import _cutout, _opened
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.volumes.inversion import INVERTED
from particlebridge.bridge.volumes.label_records import Recorded, label_digest
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.stored_arrays import StoredArray
from particlebridge.bridge.volumes.writing import write_labels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a run leaves it, with the SHAP values of a forest that is not there."""
    folder = fused_run(tmp_path_factory.mktemp("run"), generated())
    table = pd.read_csv(folder / "features.csv")
    observed = table.loc[table["Damage"].notna(), ["label", "Damage"]]
    shares = observed.rename(columns={"Damage": "observed"})
    shares = shares.assign(state="all", predicted=0.1, base=0.08, Z=0.03, Contact=-0.01)
    shares.to_csv(folder / "shap.csv", index=False)
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    for file in made.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested does not need fine pixels."""
    monkeypatch.setattr(html, "save", functools.partial(html.save, dpi=40))


def _touching(folder: Path) -> tuple[int, int]:
    """Give two whole particles that touch, of known Damage."""
    table = pd.read_csv(folder / "features.csv")
    usable = set(table.loc[~table["Border"] & table["Damage"].notna(), "label"])
    contacts = pd.read_csv(folder / "contacts.csv")
    pairs = contacts[contacts["source"].isin(usable) & contacts["target"].isin(usable)]
    return int(pairs["source"].iloc[0]), int(pairs["target"].iloc[0])


def test_a_page_shows_its_particle_and_leads_to_those_that_touch_it(results: Path) -> None:
    one, other = _touching(results)
    pages = particle(results, [one, other, one])
    assert [page.name for page in pages] == [f"{one}.html", f"{other}.html"]
    page = pages[0].read_text("utf-8")
    table = pd.read_csv(results / "features.csv").set_index("label")
    assert f'<a href="{other}.html">{other}</a>' in page
    fused = pd.read_csv(results / "fusion.csv").set_index("label")
    assert f"The views agree on it by {fused['confidence'][one]:.2f}" in page
    assert "The forest predicts a Damage of 10" in page
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    cuts = pd.read_csv(results / "particles" / "figures" / f"{one}_cuts.csv")
    labels = tifffile.imread(results / "labels.tif")
    assert cuts["body_voxels"][0] == (labels[cuts["slice"][0]] == one).sum()
    places = pd.read_csv(results / "particles" / "figures" / f"{one}_features.csv")
    found = places.set_index("feature").loc["Volume"]
    whole = table.loc[~table["Border"], "Volume"]
    assert found["value"] == pytest.approx(table.loc[one, "Volume"])
    below = (whole < found["value"]).mean() + (whole == found["value"]).mean() / 2
    assert found["percentile"] == pytest.approx(100 * below)
    record = json.loads((results / "run.json").read_text())
    assert record["stages"]["particles"]["key"]  # so that the next call takes the pages for ours


def test_of_labels_in_chunks_only_the_box_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fused_run(tmp_path, generated(), format="zarr")
    one = _touching(folder)[0]
    read, whole = [], StoredArray.__getitem__

    def seen(array: StoredArray, key: object) -> np.ndarray:
        part = whole(array, key)
        read.append(part.size / array.size)
        return part

    monkeypatch.setattr(StoredArray, "__getitem__", seen)
    cutout = _cutout(_opened(RunFolder(folder)), one)
    assert len(read) == 2 and max(read) < 0.2  # labels and solid; the volume is mapped
    monkeypatch.undo()
    stored = open_volume(folder / "labels.zarr").data[:]
    assert cutout.body.sum() == (stored == one).sum()


def test_what_is_not_there_is_said_and_the_rest_shown(results: Path) -> None:
    record = json.loads((results / "run.json").read_text())
    record["volume"]["path"] = "gone/scan.tif"
    (results / "run.json").write_text(json.dumps(record))
    (results / "shap.csv").unlink()
    (page,) = particle(results, [_touching(results)[0]])
    text = page.read_text("utf-8")
    assert "Its grey values are not shown" in text and "scan.tif" in text
    assert "No forest explains it: the run has none" in text
    assert not list((results / "particles" / "figures").glob("*_shap.*"))


def test_grey_values_are_as_the_run_read_them(results: Path) -> None:
    record = json.loads((results / "run.json").read_text())
    scan = open_volume(Path(record["volume"]["path"])).data[:]
    record["volume"]["notes"] = [f"scan.tif: {INVERTED}"]
    (results / "run.json").write_text(json.dumps(record))
    cutout = _cutout(_opened(RunFolder(results)), _touching(results)[0])
    box = tuple(slice(a, a + n) for a, n in zip(cutout.start, cutout.labels.shape, strict=True))
    assert (cutout.grey == ~np.asarray(scan[box])).all()


def test_a_volume_of_another_shape_is_not_shown(results: Path) -> None:
    record = json.loads((results / "run.json").read_text())
    np.save(results / "scan.npy", np.zeros((4, 5, 6), np.uint16))
    record["volume"]["path"] = str(results / "scan.npy")
    (results / "run.json").write_text(json.dumps(record))
    found = _opened(RunFolder(results))
    assert found.grey is None
    assert re.search(r"not shown: .*scan\.npy: is not the volume of", found.cautions[0])


def test_labels_that_were_changed_since_are_refused(results: Path) -> None:
    one, other = _touching(results)
    labels = tifffile.imread(results / "labels.tif")
    spacing = open_volume(results / "labels.tif").spacing
    painted = np.where(labels == other, 0, labels)
    painted[tuple(np.argwhere(painted == one)[0])] = 0
    # As Fiji saves them: with the note of the labels that they were.
    note = Recorded(label_digest(labels)).note
    write_labels(results / "labels.tif", painted, spacing, note)
    with pytest.raises(ValueError, match=rf"labels\.tif: particle {one} has .* changed since"):
        particle(results, [one])
    note = Recorded(label_digest(painted)).note
    write_labels(results / "labels.tif", painted, spacing, note)
    with pytest.raises(ValueError, match=r"labels\.tif: was changed after features\.csv"):
        particle(results, [one])
    assert not (results / "particles").exists()


def test_bad_input_is_one_sentence_and_writes_nothing(results: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"features\.csv: has no particle 999"):
        particle(results, [_touching(results)[0], 999])
    with pytest.raises(FileNotFoundError, match=r"holds no run\.json"):
        particle(tmp_path / "nowhere", [1])
    assert not (tmp_path / "nowhere").exists()
    shares = pd.read_csv(results / "shap.csv")
    shares.assign(observed=shares["observed"] + 0.1).to_csv(results / "shap.csv", index=False)
    known = int(shares["label"].iloc[0])
    with pytest.raises(ValueError, match=r"shap\.csv is of particles as they were before"):
        particle(results, [known])
    shares.to_csv(results / "shap.csv", index=False)
    assert not (results / "particles").exists()
    (results / "particles").mkdir()
    (results / "particles" / "mine.txt").touch()
    with pytest.raises(ValueError, match="particles: was not written by a run"):
        particle(results, [known])
    assert [f.name for f in (results / "particles").iterdir()] == ["mine.txt"]
    record = json.loads((results / "run.json").read_text())
    del record["stages"]["measure"]
    (results / "run.json").write_text(json.dumps(record))
    (results / "scan").mkdir()
    (results / "scan" / "features.csv").touch()
    with pytest.raises(ValueError, match=r"holds several volumes; .* such as .*scan"):
        particle(results, [1])


def test_void_of_a_hollow_ball_is_all_in_its_middle() -> None:
    z, y, x = np.mgrid[-12:13, -12:13, -12:13]
    away = np.sqrt(z**2 + y**2 + x**2)
    ball = Cutout(7, np.where(away < 11, 7, 0), None, away >= 5, (3, 0, 0), (0.5, 0.5, 0.5), "um")
    table = profile_plate(ball).data.set_index("along")
    shells = table.loc["from_surface"]
    assert shells["void_share"].iloc[0] == 0
    assert shells["void_share"].iloc[-1] == 1
    assert shells["voxels"].sum() == (away < 11).sum()
    depth = table.loc["depth"]
    assert depth["at"].mean() == pytest.approx(0.5 * (12 + 3))
    assert depth.set_index("at").loc[7.5, "void_share"] == pytest.approx(
        (away[12] < 5).sum() / (away[12] < 11).sum()
    )


def test_the_steps_lead_from_the_average_to_the_prediction() -> None:
    names = [f"f{k}" for k in range(14)]
    values = pd.Series(np.linspace(-0.02, 0.03, 14), names)
    row = pd.Series({"state": "all", "label": 3, "observed": 0.2, "predicted": 0.15, "base": 0.1})
    plate = shap_plate(3, pd.concat([row, values]), pd.Series({"f0": 1.0}))
    assert plate.data["shap"].sum() == pytest.approx(values.sum())
    assert plate.data["step"].iloc[-1] == "5 others"
    assert f"{100 * (0.1 + values.sum()):.3g}" in plate.says
