"""A mask of material belongs to its labels: never measured with others, and found again instead."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from particlebridge.analysis import VIEWS, Electrode, electrode, to_view
from particlebridge.analysis import measure as measure_arrays
from particlebridge.bridge import fuse_folder, read_labels, read_volume, run
from particlebridge.bridge.cli.app import app
from particlebridge.bridge.runs.run_folder import files_digest
from particlebridge.bridge.volumes.label_records import (
    Recorded,
    companion,
    label_digest,
    record_in_stack,
    recorded,
)
from particlebridge.bridge.volumes.ome_zarr import create_stack, open_stack
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.writing import write_labels, write_mask, write_stack
from typer.testing import CliRunner

SHAPE = (33, 48, 56)
SOLID = "solid.tif"
MODEL = Path(__file__).parents[2] / "data" / "plugin" / "bundle.zip"


@pytest.fixture(scope="module")
def made() -> Electrode:
    return electrode(SHAPE, seed=11, radius=(6.0, 12.0))


@pytest.fixture
def views(made: Electrode, tmp_path: Path) -> Path:
    """A folder of views, and grey values beside it."""
    for view in VIEWS:
        write_labels(tmp_path / f"views/{view}/labels.tif", to_view(made.labels, view), (1, 1, 1))
    write_stack(tmp_path / "grey.tif", made.volume, SHAPE, np.uint16, made.spacing)
    return tmp_path


def _measured(folder: Path, labels: Path, *more: str) -> tuple[pd.DataFrame, str]:
    out = folder / "table.csv"
    done = CliRunner().invoke(
        app, ["measure", str(folder / "grey.tif"), str(labels), "--out", str(out), *more]
    )
    assert done.exit_code == 0, done.stderr
    return pd.read_csv(out), done.stderr


def test_names_beside_labels() -> None:
    assert companion(Path("a/labels.tif"), "solid") == Path("a/solid.tif")
    assert companion(Path("a/labels.zarr"), "solid") == Path("a/solid.zarr")
    assert companion(Path("a/flow.tif"), "solid") == Path("a/flow_solid.tif")
    assert companion(Path("a/flow.zarr"), "fusion") == Path("a/flow_fusion.csv")


def test_a_digest_is_of_the_voxels_alone(tmp_path: Path) -> None:
    labels = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    own = label_digest(labels)
    write_labels(tmp_path / "a.tif", labels, (1, 1, 1))
    tifffile.imwrite(tmp_path / "b.tif", labels.astype(np.float32), metadata={"axes": "ZYX"})
    create_stack(tmp_path / "c.zarr", labels.shape, np.int32, (1, 1, 1), (2, 2, 2))[:] = labels
    for name in ("a.tif", "b.tif", "c.zarr"):
        assert label_digest(open_volume(tmp_path / name).data) == own
    assert label_digest(labels + 1) != own
    assert label_digest(labels.reshape(5, 4, 6)) != own


@pytest.mark.parametrize("dtype", [np.uint16, np.int32], ids=["ImageJ", "OME"])
def test_what_is_recorded_is_read_again(tmp_path: Path, dtype: type) -> None:
    record = Recorded("0123456789abcdef", "flow of a & b.tif")
    write_stack(tmp_path / "a.tif", np.zeros((3, 4, 5)), (3, 4, 5), dtype, (1, 1, 1), record.note)
    assert recorded(tmp_path / "a.tif") is not None
    assert recorded(tmp_path / "a.tif").digest == record.digest
    create_stack(tmp_path / "a.zarr", (3, 4, 5), dtype, (1, 1, 1))[:] = 1
    assert recorded(tmp_path / "a.zarr") is None
    record_in_stack(tmp_path / "a.zarr", record)
    assert recorded(tmp_path / "a.zarr") == record
    assert read_volume(tmp_path / "a.zarr").data.shape == (3, 4, 5)


def test_two_fusions_in_one_folder_keep_their_own_masks(views: Path) -> None:
    first = fuse_folder(views, volume=views / "grey.tif", out=views / "consensus.tif")
    alone, _ = _measured(views, first)
    fuse_folder(views, volume=views / "grey.tif", out=views / "flow.tif", method="flow")
    again, said = _measured(views, first)
    pd.testing.assert_frame_equal(alone, again)
    assert "found again" not in said
    assert sorted(p.name for p in views.glob("*_*")) == [
        "consensus_fusion.csv",
        "consensus_solid.tif",
        "flow_fusion.csv",
        "flow_solid.tif",
    ]


@pytest.mark.parametrize("form", ["tif", "zarr"])
def test_a_mask_of_other_labels_is_found_anew(views: Path, form: str) -> None:
    first = fuse_folder(views, volume=views / "grey.tif", out=views / f"labels.{form}")
    right, _ = _measured(views, first)
    other = fuse_folder(views, volume=views / "grey.tif", out=views / f"flow.{form}", method="flow")
    mask = companion(other, "solid")
    table, said = _measured(views, first, "--solid", str(mask))
    assert f"{mask.name}: belongs to flow.{form}, not to labels.{form}" in said
    assert "material is found again from the grey values" in said
    np.testing.assert_allclose(table["Damage"], right["Damage"], atol=1e-6)


def test_labels_that_were_changed_get_a_mask_of_their_own(views: Path, made: Electrode) -> None:
    file = fuse_folder(views, volume=views / "grey.tif")
    labels = read_labels(file)
    labels[2:14, 2:14, 2:14] = labels.max() + 1  # a particle that was missed
    tifffile.imwrite(file, labels.astype(np.uint16), metadata={"axes": "ZYX"})
    table, said = _measured(views, file)
    assert "solid.tif: belongs to labels.tif as it was before it was changed" in said
    assert not table["Damage"].iloc[-1] > 0.99  # it may be unknown
    with pytest.raises(ValueError, match=r"labels\.tif: was not written .* or was changed since"):
        fuse_folder(views, volume=views / "grey.tif")


def test_a_mask_without_a_record_is_used_only_where_it_is_named(
    views: Path, made: Electrode
) -> None:
    write_labels(views / "labels.tif", made.labels, made.spacing)
    write_mask(views / SOLID, np.zeros(SHAPE, bool) | (made.labels > 0), made.spacing)
    beside, said = _measured(views, views / "labels.tif")
    assert "records no labels that it belongs to; material is found again" in said
    assert beside["Damage"].mean() > 0.005
    named, said = _measured(views, views / "labels.tif", "--solid", str(views / SOLID))
    assert "it is taken as given" in said
    assert (named["Damage"] == 0).all()


def test_a_mask_of_others_that_marks_something_else_is_told(views: Path, made: Electrode) -> None:
    write_labels(views / "labels.tif", made.labels, made.spacing)
    material = np.array(made.labels > 0)
    material[::2] = False

    def measured(mask: np.ndarray) -> str:
        tifffile.imwrite(views / "own.tif", mask.astype(np.uint8), metadata={"axes": "ZYX"})
        return _measured(views, views / "labels.tif", "--solid", str(views / "own.tif"))[1]

    assert "its values 1, 2 all count as material; only 0 does not" in measured(
        material + 1 * (made.labels > 0)
    )
    assert "around them; is it inverted?" in measured(~material)
    plain = measured(material)
    assert "inverted" not in plain and "all count" not in plain
    write_mask(views / "own.tif", np.ones(SHAPE, bool), made.spacing)
    names = [str(views / f"{name}.tif") for name in ("grey", "labels", "own")]
    out = views / "none.csv"
    done = CliRunner().invoke(app, ["measure", *names[:2], "--solid", names[2], "--out", str(out)])
    assert done.exit_code == 1 and "own.tif: is 0 nowhere (its values: 255)" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_codes_mean_something_in_masks_of_ours_only(
    views: Path, made: Electrode, suffix: str
) -> None:
    write_labels(views / "labels.tif", made.labels, made.spacing)
    codes = np.where(made.labels % 2, 64, 128) * (made.labels > 0)
    file = views / f"own{suffix}"
    if suffix == ".zarr":
        create_stack(file, SHAPE, np.uint8, made.spacing)[:] = codes
    else:
        tifffile.imwrite(file, codes.astype(np.uint8), metadata={"axes": "ZYX"})
    table, said = _measured(views, views / "labels.tif", "--solid", str(file))
    assert "its values 64, 128 all count as material; only 0 does not" in said
    assert set(table["Void"]) == {"none"}
    assert (table["Damage"] == 0).all()
    note = Recorded(label_digest(made.labels), "labels.tif")
    write_mask(views / "ours.tif", codes.astype(np.uint8), made.spacing, note.note)
    table, said = _measured(views, views / "labels.tif", "--solid", str(views / "ours.tif"))
    assert set(table["Void"]) == {"thin", "dim"}
    assert table["Damage"].isna().all()


@pytest.fixture(scope="module")
def finished(made: Electrode, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A run of each format, made once."""
    top = tmp_path_factory.mktemp("runs")
    write_stack(top / "grey.tif", made.volume, SHAPE, np.uint16, made.spacing)

    def of(form: str) -> Path:
        out = top / form
        if not out.exists():
            _carry(top / "grey.tif", out, form)
        return out

    return of


def _carry(volume: Path, out: Path, form: str, **more: str) -> Path:
    options = {"model": MODEL, "prob_thresh": 0.4, "views": ("xy",), "format": form, **more}
    return run([volume], out, **options)


@pytest.mark.parametrize("form", ["tiff", "zarr"])
def test_a_run_measures_labels_that_were_changed_as_they_are_now(
    finished: Callable[[str], Path],
    made: Electrode,
    tmp_path: Path,
    form: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished(form), out)
    volume = finished(form).parent / "grey.tif"
    file = out / ("labels.tif" if form == "tiff" else "labels.zarr")
    if form == "tiff":
        tifffile.imwrite(file, made.labels.astype(np.uint16), metadata={"axes": "ZYX"})
    else:
        open_stack(file)[:] = made.labels
    page = _carry(volume, out, form)
    said = capsys.readouterr().err
    assert f"{file.name}: was changed after fusing" in said
    assert "material is found again from the grey values" in said
    assert "its labels were changed after fusing" in page.read_text("utf-8")
    mask = companion(file, "solid")
    assert recorded(mask) == Recorded(label_digest(made.labels), file.name)
    table = pd.read_csv(out / "features.csv")
    solid = read_volume(mask).data
    expected = measure_arrays(made.volume, made.labels, made.spacing, solid=solid)
    assert table["label"].tolist() == expected["label"].tolist()
    np.testing.assert_allclose(table["Damage"], expected["Damage"], atol=1e-6)
    _carry(volume, out, form)
    assert "found again" not in capsys.readouterr().err
    # Fusing over them would lose them.
    with pytest.raises(ValueError, match=rf"{file.name}: was not written .* or was changed since"):
        _carry(volume, out, form, method="flow")
    assert np.array_equal(read_labels(file), made.labels)


def test_a_mask_that_another_program_saved_is_not_replaced(
    finished: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished("tiff"), out)
    mask = read_volume(out / SOLID).data.copy()
    tifffile.imwrite(out / SOLID, mask, metadata={"axes": "ZYX"})
    with pytest.raises(ValueError, match=r"solid\.tif: records no labels .* delete it"):
        _carry(finished("tiff").parent / "grey.tif", out, "tiff")
    (out / SOLID).unlink()
    _carry(finished("tiff").parent / "grey.tif", out, "tiff")
    assert np.array_equal(read_volume(out / SOLID).data, mask)


def test_a_run_of_an_earlier_version_goes_on(
    finished: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished("tiff"), out)
    before = pd.read_csv(out / "features.csv")
    for name in ("labels.tif", SOLID):
        data = read_volume(out / name).data.copy()
        tifffile.imwrite(out / name, data, imagej=True, metadata={"axes": "ZYX"})
    record = json.loads((out / "run.json").read_text())
    del record["stages"]["fuse"]["labels"]
    (out / "run.json").write_text(json.dumps(record))
    _carry(finished("tiff").parent / "grey.tif", out, "tiff")
    assert "solid.tif: records no labels that it belongs to" in capsys.readouterr().err
    pd.testing.assert_frame_equal(before, pd.read_csv(out / "features.csv"))


def test_stacks_of_a_view_in_two_formats_are_not_mixed(views: Path) -> None:
    create_stack(views / "views/xy/labels.zarr", SHAPE, np.uint16, (1, 1, 1))
    with pytest.raises(ValueError, match=r"xy: holds labels\.tif and labels\.zarr"):
        fuse_folder(views)


def test_a_change_inside_a_zarr_folder_is_seen(tmp_path: Path) -> None:
    create_stack(tmp_path / "a.zarr", (8, 8, 8), np.uint8, (1, 1, 1), (4, 4, 4))[:] = 1
    before = files_digest(tmp_path / "a.zarr")
    assert files_digest(tmp_path / "a.zarr") == before
    open_stack(tmp_path / "a.zarr")[:2] = 7
    assert files_digest(tmp_path / "a.zarr") != before
