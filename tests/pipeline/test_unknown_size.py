"""Volumes whose voxel size is not known, or only as a ratio: no file and no table claims one."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from particlebridge.analysis import electrode
from particlebridge.bridge import explain_files, fuse_folder, measure_files, run
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.volumes.reading import open_volume

SHAPE = (16, 40, 44)
SIDES = (3.0, 2.0, 1.0)
Kind = Literal["unknown", "ratio"]
CASES = [("unknown", "tiff"), ("unknown", "zarr"), ("ratio", "tiff"), ("ratio", "zarr")]


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return electrode(SHAPE, seed=3, radius=(4.0, 7.0)).volume


@pytest.fixture(scope="module")
def sources(grey: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plain TIFF, and an OME-Zarr whose scale has no unit."""
    folder = tmp_path_factory.mktemp("volumes")
    tifffile.imwrite(folder / "plain.tif", grey)
    group = zarr.open_group(folder / "ratio.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=grey, chunks=(8, 16, 16))
    scale = {"type": "scale", "scale": [10 * side for side in SIDES]}
    image: Any = [
        {
            "version": "0.4",
            "axes": [{"name": name, "type": "space"} for name in "zyx"],
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
        }
    ]
    group.attrs["multiscales"] = image
    return {"unknown": folder / "plain.tif", "ratio": folder / "ratio.zarr"}


@pytest.fixture(scope="module", params=CASES, ids=["-".join(case) for case in CASES])
def finished(
    request: pytest.FixtureRequest,
    sources: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Kind, str, Path]:
    kind, format = request.param
    out = tmp_path_factory.mktemp("runs") / "out"
    run([sources[kind]], out, diameter=12, format=format)
    return kind, format, out


def _stacks(folder: Path) -> Iterator[Path]:
    yield from folder.rglob("*.tif")
    yield from folder.rglob("*.zarr")


def _expected(file: Path) -> tuple[float, float, float]:
    """The sides along the axes of a stack: those of the volume, turned in a view."""
    z, y, x = SIDES
    return {"xz": (y, z, x), "yz": (x, z, y)}.get(file.parent.name, (z, y, x))


def _claims(file: Path) -> dict[str, Any]:
    """What a file records of sizes, read without our readers: unit, and sides if any."""
    if file.suffix == ".zarr":
        image = json.loads((file / ".zattrs").read_text("utf-8"))["multiscales"][0]
        scale = image["datasets"][0]["coordinateTransformations"][0]["scale"]
        units = {axis.get("unit") for axis in image["axes"]}
        return {"units": units, "sides": tuple(scale)}
    with tifffile.TiffFile(file) as tif:
        if tif.is_ome:
            text = tif.ome_metadata or ""
            sizes = dict(re.findall(r'PhysicalSize([XYZ])="([^"]+)"', text))
            units = set(re.findall(r'PhysicalSize[XYZ]Unit="([^"]+)"', text)) or {None}
            sides = tuple(float(sizes.get(axis, 1)) for axis in "ZYX")
            return {"units": units, "sides": sides}
        held = tif.imagej_metadata or {}
        tags = tif.pages.first.tags
        y, x = (tags.valueof(f"{axis}Resolution") for axis in "YX")
        sides = (float(held.get("spacing", 1)), y[1] / y[0], x[1] / x[0])
        return {"units": {held.get("unit")}, "sides": sides}


def _check_stacks(folder: Path, kind: Kind) -> int:
    files = list(_stacks(folder))
    for file in files:
        found = _claims(file)
        pixel = {"pixel"} if file.suffix == ".tif" else {None}
        assert found["units"] == (pixel if kind == "ratio" else {None}), file
        sides = _expected(file) if kind == "ratio" else (1.0, 1.0, 1.0)
        assert found["sides"] == pytest.approx(sides), file
        again = open_volume(file)
        assert again.spacing_from == kind, file
        assert again.spacing == pytest.approx(sides), file
    return len(files)


def test_no_stack_of_a_run_claims_a_size(finished: tuple[Kind, str, Path]) -> None:
    kind, _, out = finished
    # Three views of three stacks, labels and solid.
    assert _check_stacks(out, kind) == 11


def test_tables_and_report_name_voxels(finished: tuple[Kind, str, Path]) -> None:
    kind, _, out = finished
    features = pd.read_csv(out / "features.csv")
    assert len(features)
    assert set(features["Unit"]) == {"voxel"}
    assert set(pd.read_csv(out / "fusion.csv")["Unit"]) == {"voxel"}
    assert set(pd.read_csv(out / "contacts.csv", dtype=str)["unit"]) <= {"voxel"}
    counted = pd.read_csv(out / "fusion.csv").set_index("label")["Volume"]
    labels = open_volume(next(out.glob("labels.*"))).data
    voxels = np.bincount(np.asarray(labels[:]).ravel())[counted.index]
    assert np.allclose(counted, voxels * (np.prod(SIDES) if kind == "ratio" else 1))
    page = (out / "report.html").read_text("utf-8")
    assert "µm" not in page
    assert "voxel" in page
    assert "no length" not in page
    record = json.loads((out / "run.json").read_text("utf-8"))["volume"]
    assert record["voxel_size_um"] is None
    assert record["voxel_size_from"] == kind
    assert record.get("voxel_sides") == (list(SIDES) if kind == "ratio" else None)
    assert "taken as so many voxels" in record["measuring"][0]


def test_fuse_and_measure_claim_none_either(
    finished: tuple[Kind, str, Path],
    sources: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, format, out = finished
    suffix = ".zarr" if format == "zarr" else ".tif"
    for name, volume in (("alone", None), ("filled", sources[kind])):
        labels = fuse_folder(out, volume=volume, out=tmp_path / name / f"labels{suffix}")
        said = capsys.readouterr().err
        assert "the voxel size is not known; the labels record" in said
        assert set(pd.read_csv(tmp_path / name / "fusion.csv")["Unit"]) == {"voxel"}
        measured = measure_files(sources[kind], labels, tmp_path / name / "features.csv")
        said = capsys.readouterr().err
        assert "1 um" not in said
        assert set(pd.read_csv(measured.features)["Unit"]) == {"voxel"}
        assert set(pd.read_csv(measured.contacts, dtype=str)["unit"]) <= {"voxel"}
    assert _check_stacks(tmp_path, kind) == 3  # the first has no mask


def test_a_known_size_is_claimed_as_before(
    grey: np.ndarray, sources: dict[str, Path], tmp_path: Path
) -> None:
    run([sources["unknown"]], tmp_path / "out", diameter=12, voxel_size=(0.3, 0.2, 0.1))
    volume = open_volume(tmp_path / "out" / "labels.tif")
    assert volume.spacing_from == "metadata"
    assert volume.spacing == pytest.approx((0.3, 0.2, 0.1))
    assert set(pd.read_csv(tmp_path / "out" / "features.csv")["Unit"]) == {"um"}
    assert "µm" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_size_given_later_is_written(sources: dict[str, Path], tmp_path: Path) -> None:
    """1 um is what unknown sizes are calculated with: nothing but the claim differs."""
    out = tmp_path / "out"
    run([sources["unknown"]], out, diameter=12)
    assert open_volume(out / "labels.tif").spacing_from == "unknown"
    run([sources["unknown"]], out, diameter=12, voxel_size=(1.0, 1.0, 1.0))
    assert open_volume(out / "labels.tif").spacing_from == "metadata"
    assert set(pd.read_csv(out / "features.csv")["Unit"]) == {"um"}


def test_the_second_round_claims_none(sources: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run([sources["ratio"]], out, diameter=12, rounds=2)
    assert (out / "round2" / "volume.tif").is_file()
    # Twice the views and the labels with their mask, and the volume in between.
    assert _check_stacks(out, "ratio") == 2 * 11 + 1


def _as_written_before(folder: Path) -> None:
    """Make a run what it was when files of an unknown size claimed 1 um."""
    for file in [*folder.rglob("*.tif")]:
        data = tifffile.imread(file)
        with tifffile.TiffFile(file) as tif:
            info = (tif.imagej_metadata or {}).get("Info", "")
        note = {"Info": info} if info else {}
        metadata = {"axes": "ZYX", "spacing": 1.0, "unit": "micron", **note}
        tifffile.imwrite(
            file, data, imagej=True, resolution=(1, 1), metadata=metadata, software="Particlebridge"
        )


def test_a_run_of_an_earlier_version_goes_on_and_its_claim_is_taken_back(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run([sources["unknown"]], out, diameter=12)
    before = open_volume(out / "labels.tif").data[:].copy()
    _as_written_before(out)
    record = RunFolder(out)
    for name in ("fuse", "measure", "report"):
        record.record["stages"][name]["key"] = "of an earlier version"
    record.describe()
    assert open_volume(out / "views/xy/labels.tif").spacing_from == "metadata"
    other = fuse_folder(out, out=tmp_path / "fused.tif")
    assert open_volume(other).spacing_from == "unknown"
    table = measure_files(
        sources["unknown"], out / "labels.tif", tmp_path / "t" / "f.csv", labels_are="body"
    )
    assert set(pd.read_csv(table.features)["Unit"]) == {"voxel"}
    run([sources["unknown"]], out, diameter=12)
    assert open_volume(out / "labels.tif").spacing_from == "unknown"
    assert open_volume(out / "solid.tif").spacing_from == "unknown"
    assert np.array_equal(open_volume(out / "labels.tif").data, before)


def test_tables_of_known_and_unknown_sizes_are_not_both_in_micrometres(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    shutil.copy(sources["unknown"], tmp_path / "known.tif")
    sheet.write_text(f"path,voxel_size\n{sources['unknown']},\n{tmp_path / 'known.tif'},0.1\n")
    page = run([sheet], tmp_path / "out", diameter=12).read_text("utf-8")
    assert set(pd.read_csv(tmp_path / "out" / "features.csv")["Unit"]) == {"um", "voxel"}
    assert "Lengths in voxels and in µm are pooled here" in page
    assert "equivalent diameter (µm)" not in page


def test_explain_reads_the_unit_from_the_table(tmp_path: Path) -> None:
    from particlebridge.analysis import COLUMNS

    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.random(80) for name in COLUMNS})
    table["label"], table["Border"] = np.arange(1, 81), False
    table["Void"], table["Unit"] = "found", "voxel"
    table.to_csv(tmp_path / "features.csv", index=False)
    page = explain_files([tmp_path / "features.csv"], tmp_path / "out").read_text("utf-8")
    assert "µm" not in page
    assert "voxel³" in page
