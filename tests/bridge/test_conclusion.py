"""The report of a run: nothing of an earlier one stays beside it, and no fault hides in it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from particlebridge import analysis
from particlebridge.analysis import VIEWS, electrode, to_view
from particlebridge.analysis.phantom.tables import electrode_tables
from particlebridge.bridge import fuse_folder, measure_files
from particlebridge.bridge.conclusion import Analysed, _of_volumes, conclude, synchronised
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.runs.sheet import list_items
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.writing import write_labels, write_stack


@pytest.fixture
def analysed(tmp_path: Path) -> Analysed:
    """A volume of few particles that has come as far as features.csv."""
    made = electrode((24, 40, 40), seed=2, radius=(5.0, 8.0))
    for view in VIEWS:
        stack = to_view(made.labels, view)
        write_labels(tmp_path / "views" / view / "labels.tif", stack, (1, 1, 1))
    grey = tmp_path / "grey.tif"
    write_stack(grey, made.volume, made.volume.shape, np.uint16, made.spacing)
    measure_files(grey, fuse_folder(tmp_path, volume=grey), tmp_path / "features.csv")
    (item,) = list_items([grey], None)
    return Analysed(item, tmp_path, open_volume(grey, made.spacing))


@pytest.fixture
def run(analysed: Analysed) -> RunFolder:
    folder = RunFolder(analysed.folder)
    folder.describe(settings={"format": "tiff"})
    return folder


def test_a_forest_of_earlier_particles_does_not_stay(analysed: Analysed, run: RunFolder) -> None:
    figures = run.path / "figures"
    figures.mkdir()
    names = [f"importance.{suffix}" for suffix in ("pdf", "png", "csv")]
    for name in (*names, "mine.pdf", "mine.csv"):
        (figures / name).touch()
    for name in ("importance.csv", "shap.csv"):
        (run.path / name).touch()
    (run.path / "report.html").write_text('<a href="figures/importance.pdf">PDF</a>')
    page = conclude([analysed], run, "drivers").read_text("utf-8")
    assert "at least 50" in page
    assert not (run.path / "importance.csv").exists()
    assert not (run.path / "shap.csv").exists()
    kept = {file.name for file in figures.iterdir()}
    assert not kept & set(names)
    assert {"mine.pdf", "mine.csv", "slices.pdf"} <= kept


def test_only_tables_without_a_forest_make_a_report_without_one(
    analysed: Analysed, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(analysis, "explain", fail)
    with pytest.raises(ValueError, match="broadcast"):
        conclude([analysed], run, "drivers")
    assert not (run.path / "report.html").exists()


def test_masks_and_labels_of_the_other_format_are_not_shown(
    analysed: Analysed, run: RunFolder
) -> None:
    fuse_folder(run.path, volume=run.path / "grey.tif", out=run.path / "labels.zarr")
    (run.path / "labels.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"labels\.tif"):
        conclude([analysed], run, "drivers")
    run.describe(settings={"format": "zarr"})
    assert conclude([analysed], run, "drivers").is_file()


def test_copies_are_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    particles, contacts = electrode_tables((60, 110, 110), seed=1)
    pasted = {"all": pd.concat([particles, particles], ignore_index=True)}
    touching = {"all": contacts}
    found = synchronised(pasted, touching, tmp_path, [])
    assert "are copies of other rows" in capsys.readouterr().err
    synchronised(pasted, touching, tmp_path, found.notes[:1])
    said = capsys.readouterr().err
    assert "are cut by the field of view" in said
    assert "are copies of other rows" not in said


def test_particles_of_pooled_volumes_get_their_own_labels_back() -> None:
    pooled = {
        "10": pd.DataFrame(
            {"label": [1, 2, 3, 4], "raised": [0, 0, 2, 2], "volume": ["a", "a", "b", "b"]}
        ),
        "50": pd.DataFrame({"label": [1], "raised": [0], "volume": ["c"]}),
    }
    rows = pd.DataFrame({"state": ["10", "10", "50"], "label": [2, 4, 1], "Z": [0.1, 0.2, 0.3]})
    found = _of_volumes(rows, pooled)
    assert found.columns[0] == "volume"
    assert found[["volume", "label", "Z"]].to_numpy().tolist() == [
        ["a", 2, 0.1],
        ["b", 2, 0.2],
        ["c", 1, 0.3],
    ]
