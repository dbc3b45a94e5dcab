"""Single images and folders: every output, the table, the overlay."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from particlebridge.analysis import Polygons, Prediction, training_slices
from particlebridge.bridge import read_image, read_labels, segment
from particlebridge.bridge.segmenting.image_results import object_table, overlay
from particlebridge.bridge.segmenting.options import SegmentOptions
from PIL import Image
from roifile import roiread
from skimage.draw import ellipse
from skimage.measure import regionprops_table

FILES = ("labels.tif", "prob.tif", "dist.tif", "overlay.png", "rois.zip", "objects.geojson",
         "coco.json", "objects.csv")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for i, (image, _) in enumerate(training_slices(2, (128, 160), seed=4)):
        tifffile.imwrite(
            folder / f"s{i}.tif",
            image,
            imagej=True,
            resolution=(10, 10),
            metadata={"axes": "YX", "unit": "um"},
        )
    return folder


@pytest.fixture(scope="module")
def results(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    segment(folder, out, diameter=46)
    return out


def test_a_folder_of_images_gives_a_folder_each(results: Path) -> None:
    for stem in ("s0", "s1"):
        assert all((results / stem / name).is_file() for name in FILES)


def test_table_rois_and_labels_tell_the_same(results: Path) -> None:
    labels = read_labels(results / "s0" / "labels.tif")
    table = pd.read_csv(results / "s0" / "objects.csv")
    assert table["label"].tolist() == np.unique(labels[labels > 0]).tolist()
    assert np.allclose(table["area"], np.bincount(labels.ravel())[table["label"]] * 0.01)
    assert table["probability"].between(0, 1).all()
    assert len(roiread(results / "s0" / "rois.zip")) == len(table)


def test_results_carry_the_pixel_size(results: Path) -> None:
    for name in ("labels.tif", "prob.tif", "dist.tif"):
        assert read_image(results / "s0" / name).pixel_size == pytest.approx((0.1, 0.1), rel=1e-4)


def test_one_image_writes_into_the_folder_itself(
    folder: Path, results: Path, tmp_path: Path
) -> None:
    made = segment(folder / "s0.tif", tmp_path, diameter=46)
    assert (made.folder, made.labels) == (tmp_path, {"s0.tif": tmp_path / "labels.tif"})
    assert all((tmp_path / name).is_file() for name in FILES)
    one, among = (read_labels(f / "labels.tif") for f in (tmp_path, results / "s0"))
    assert np.array_equal(one, among)


def test_a_folder_of_one_image_gives_it_a_folder_too(folder: Path, tmp_path: Path) -> None:
    # Another image that comes later must not move the first one's results.
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(folder / "s0.tif", source / "s0.tif")
    segment(source, tmp_path / "out", diameter=46)
    assert all((tmp_path / "out" / "s0" / name).is_file() for name in FILES)


def test_finished_images_are_not_done_again(folder: Path, results: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in results.rglob("*.*") if p.parent != results}
    made = segment(folder, results, diameter=46)
    assert made.labels == {f"{name}.tif": results / name / "labels.tif" for name in ("s0", "s1")}
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_results_of_other_settings_are_not_taken_for_these(folder: Path, results: Path) -> None:
    with pytest.raises(ValueError, match=r"diameter = 46, not 30; choose another --out"):
        segment(folder, results, diameter=30)


def test_images_that_come_later_are_taken_at_the_same_scale(folder: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("b.tif", "c.tif"):
        shutil.copy(folder / "s0.tif", source / name)
    segment(source, out)
    first = json.loads((out / "run.json").read_text())["claims"]["images"]["diameter"]
    shutil.copy(folder / "s1.tif", source / "a.tif")
    segment(source, out)
    assert all((out / stem / "labels.tif").is_file() for stem in "abc")
    assert json.loads((out / "run.json").read_text())["claims"]["images"]["diameter"] == first


def test_a_bad_image_is_named_and_the_others_are_done(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.tif").write_bytes(b"no")
    (source / "b.tif").write_bytes((folder / "s0.tif").read_bytes())
    with pytest.raises(RuntimeError, match=r"1 of 2 images failed.*a\.tif"):
        segment(source, tmp_path / "out", diameter=46)
    assert (tmp_path / "out" / "b" / "objects.csv").is_file()


def test_an_image_without_particles_is_a_result(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "flat.tif", np.full((70, 90), 7, np.uint8))
    segment(tmp_path / "flat.tif", tmp_path / "out", diameter=46)
    assert read_labels(tmp_path / "out" / "labels.tif").max() == 0
    assert len(pd.read_csv(tmp_path / "out" / "objects.csv")) == 0


@pytest.mark.parametrize("size", [None, (0.1, 0.25)])
def test_the_table_is_that_of_scikit_image(size: tuple[float, float] | None) -> None:
    labels = np.zeros((400, 3000), np.int32)  # more than one band
    for k, angle in enumerate((0.0, 0.7, 1.4, 2.6), start=1):
        labels[ellipse(100 + 60 * k, 700 * k, 30, 12 + k, labels.shape, angle)] = k + 1
    labels[3, 5] = labels[9:12, 9:12] = 7
    labels[20:30, 20:30] = 8
    found = Polygons.from_rays(np.ones((8, 2)), np.ones((8, 8)), np.linspace(0.9, 0.2, 8))
    blank = np.zeros(labels.shape, np.float32)
    table = object_table(Prediction(labels, blank, blank, found), size)
    properties = ("label", "centroid", "area", "axis_major_length", "axis_minor_length",
                  "orientation")  # fmt: skip
    theirs = regionprops_table(labels, properties=properties, spacing=size or (1.0, 1.0))
    theirs["orientation"] = np.degrees(theirs["orientation"])
    for ours, name in zip(table, theirs, strict=False):
        np.testing.assert_allclose(table[ours], theirs[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(table["probability"], found.prob[table["label"] - 1])
    assert list(table["label"]) == [2, 3, 4, 5, 7, 8]


def test_overlay_draws_outlines_only() -> None:
    labels = np.zeros((20, 20), int)
    labels[5:12, 5:12] = 3
    picture = overlay(np.full((20, 20), 9.0), labels)
    coloured = (picture[..., 0] != picture[..., 1]) | (picture[..., 1] != picture[..., 2])
    assert coloured[5, 5:12].all()
    assert not coloured[6:11, 6:11].any()
    assert not coloured[labels == 0].any()


def test_overlay_file_is_as_large_as_the_image(results: Path) -> None:
    assert Image.open(results / "s1" / "overlay.png").size == (160, 128)


def test_lengths_say_their_unit_and_results_claim_no_size_that_is_not_known(
    folder: Path, results: Path, tmp_path: Path
) -> None:
    assert set(pd.read_csv(results / "s0" / "objects.csv")["unit"]) == {"um"}
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, tifffile.imread(folder / "s0.tif"))
    segment(plain, tmp_path / "out", diameter=46)
    assert set(pd.read_csv(tmp_path / "out" / "objects.csv")["unit"]) == {"px"}
    for name in ("labels.tif", "prob.tif", "dist.tif"):
        assert read_image(tmp_path / "out" / name).pixel_size is None
    # Given on the command line it counts, and not less than the file's own.
    segment(folder / "s0.tif", tmp_path / "given", diameter=46, voxel_size=(1, 0.2, 0.2))
    assert read_image(tmp_path / "given" / "labels.tif").pixel_size == pytest.approx((0.2, 0.2))
    one, two = (pd.read_csv(f / "objects.csv") for f in (results / "s0", tmp_path / "given"))
    assert np.allclose(4 * one["area"], two["area"])
    with pytest.raises(ValueError, match="voxel_size"):
        segment(folder / "s0.tif", tmp_path / "given", diameter=46)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"format": "zarr"}, "--format does nothing for images"),
        ({"scheduler": "local"}, "--scheduler does nothing for images"),
        ({"workers": 2}, "--workers does nothing for images"),
        ({"memory": "620MB"}, "--memory allows 0.6 GB"),
        ({"memory": "1.21GB", "backend": "tensorflow"}, "--memory allows 1.2 GB"),
        ({"dims": 3, "memory": "8GB"}, "--memory does nothing for a 3-D model"),
        ({"dims": 3, "diameter": 9.0}, "--diameter does nothing for a 3-D model"),
    ],
)
def test_options_are_obeyed_or_refused(
    folder: Path, tmp_path: Path, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        segment(folder, tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_a_ceiling_of_memory_changes_no_pixel(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = []
    start = SegmentOptions.start

    def noted(self: SegmentOptions, view: str, network: Any, settings: Any, pixels: int) -> Any:
        pieces.append(pixels)
        return start(self, view, network, settings, pixels)

    monkeypatch.setattr(SegmentOptions, "start", noted)
    for name, memory in (("free", None), ("tight", "650MB")):
        segment(folder / "s0.tif", tmp_path / name, diameter=10, memory=memory)
    assert pieces[1] < 4.8**2 * tifffile.imread(folder / "s0.tif").size < pieces[0]
    free, tight = (read_labels(tmp_path / name / "labels.tif") for name in ("free", "tight"))
    assert np.array_equal(free, tight)


@pytest.mark.parametrize("factor", [1e-12, 1e36])
def test_the_unit_of_grey_values_does_not_matter(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float
) -> None:
    """Values of attenuation per nm were taken for constant; large float64 for infinite."""
    image = tifffile.imread(folder / "s0.tif").astype(np.float64)
    for name, values in (("counts", image), ("scaled", image * factor)):
        np.save(tmp_path / f"{name}.npy", values)
        segment(tmp_path / f"{name}.npy", tmp_path / name, diameter=46)
    found = [read_labels(tmp_path / name / "labels.tif") for name in ("counts", "scaled")]
    assert found[0].max() > 3
    assert found[0].max() == found[1].max()
    assert (found[0] == found[1]).mean() > 0.9999
    assert "float32" in capsys.readouterr().err
    notes = json.loads((tmp_path / "scaled" / "run.json").read_text())["stages"]["segment images"]
    assert "grey_values" in notes
    assert notes["engine"] == "python"
    assert overlay(image * factor, found[1]).max() == 255


def test_a_model_without_a_diameter_says_that_it_runs_at_scale_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(__file__).parents[2] / "data" / "plugin" / "bundle.zip"
    segment(folder / "s0.tif", tmp_path, model=model, diameter=70)
    said = " ".join(capsys.readouterr().err.split())
    assert "records no particle diameter" in said
    assert "--diameter 70 changes nothing" in said


def test_the_choice_of_scale_is_told_and_recorded(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tif").write_bytes(b"no")  # not sampled, and no reason to end
    for name in ("b.tif", "c.tif"):
        shutil.copy(folder / "s0.tif", tmp_path / "in" / name)
    with pytest.raises(RuntimeError, match=r"1 of 3 images failed.*a\.tif"):
        segment(tmp_path / "in", tmp_path / "out")
    ((_, scale),) = json.loads((tmp_path / "out" / "run.json").read_text())["scale"].items()
    assert scale["recorded_by_model"] == 48
    assert {scale["diameter"]} <= {scale["estimate"], 48}
    said = " ".join(capsys.readouterr().err.split())
    assert "the model was trained at 48" in said
    assert f"{scale['estimate']:.3g} pixels" in said
