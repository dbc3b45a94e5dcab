"""Volumes in chunks: OME-Zarr, Zarr and HDF5, and the chunks that are absent."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from particlebridge.bridge.segmenting import segmentation, stardist3d
from particlebridge.bridge.volumes.images import is_image_stack, read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.ome_zarr import create_stack
from particlebridge.bridge.volumes.reading import read_volume

RNG = np.random.default_rng(5)
NOISE = RNG.integers(1, 255, (8, 12, 16), np.uint8)


def _ome_zarr(
    path: Path,
    data: np.ndarray,
    version: str = "0.5",
    axes: str = "zyx",
    unit: str | None = "micrometer",
    scale: tuple[float, ...] = (0.3, 0.2, 0.1),
    overall: tuple[float, ...] | None = None,
) -> Path:
    """Write an image of two levels as the OME-NGFF specification says."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    chunks = tuple(min(n, 4) for n in data.shape)
    group.create_array("0", data=data, chunks=chunks)
    half = data[tuple(slice(None, None, 2) if a in "yx" else slice(None) for a in axes)]
    group.create_array("1", data=half, chunks=chunks)
    lengths = {"unit": unit} if unit else {}
    image: dict[str, Any] = {
        "axes": [
            {"name": a, "type": "space", **lengths}
            if a in "zyx"
            else {"name": a, "type": "channel" if a == "c" else "time"}
            for a in axes
        ],
        "datasets": [
            {
                "path": str(k),
                "coordinateTransformations": [
                    {
                        "type": "scale",
                        "scale": [
                            s * (k + 1 if a in "yx" else 1)
                            for s, a in zip(scale, axes, strict=True)
                        ],
                    },
                    {"type": "translation", "translation": [5.0] * len(axes)},
                ],
            }
            for k in range(2)
        ],
    }
    if overall:
        image["coordinateTransformations"] = [{"type": "scale", "scale": list(overall)}]
    if version == "0.4":
        group.attrs["multiscales"] = [{"version": version, **image}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_finest_level_with_its_voxel_size(tmp_path: Path, version: str) -> None:
    volume = read_volume(_ome_zarr(tmp_path / "scan.ome.zarr", NOISE, version))
    assert np.array_equal(volume.data, NOISE)
    assert volume.spacing == pytest.approx((0.3, 0.2, 0.1))
    assert volume.spacing_from == "metadata"
    assert is_image_stack(tmp_path / "scan.ome.zarr")


@pytest.mark.parametrize(
    ("unit", "factor"), [("nanometer", 1e-3), ("angstrom", 1e-4), ("millimeter", 1e3)]
)
def test_units_become_micrometres(tmp_path: Path, unit: str, factor: float) -> None:
    volume = read_volume(_ome_zarr(tmp_path / "a.zarr", NOISE, unit=unit))
    assert volume.spacing == pytest.approx((0.3 * factor, 0.2 * factor, 0.1 * factor))


def test_without_a_unit_the_ratio_of_the_sides_is_kept_and_said(tmp_path: Path) -> None:
    volume = read_volume(_ome_zarr(tmp_path / "a.zarr", NOISE, unit=None))
    assert volume.spacing_from == "ratio"
    assert volume.spacing == pytest.approx((3, 2, 1))
    assert "ratio 3 : 2 : 1 (Z : Y : X) is kept" in volume.doubts[0]
    nobody = _ome_zarr(tmp_path / "c.zarr", NOISE, unit=None, scale=(1, 1, 1))
    assert read_volume(nobody).spacing_from == "unknown"  # a scale must be there
    strange = read_volume(_ome_zarr(tmp_path / "b.zarr", NOISE, unit="furlong"))
    assert strange.spacing == pytest.approx((3, 2, 1))
    assert "its unit 'furlong' is not a known unit of length" in strange.doubts[0]


def test_a_distance_of_slices_without_a_unit_is_doubted(tmp_path: Path) -> None:
    path = _ome_zarr(tmp_path / "a.zarr", NOISE)
    group = zarr.open_group(path)
    held: Any = dict(group.attrs)["ome"]
    del held["multiscales"][0]["axes"][0]["unit"]
    group.attrs["ome"] = held
    volume = read_volume(path)
    assert volume.spacing_from == "pixel size"
    assert volume.spacing == pytest.approx((0.2, 0.2, 0.1))


def test_scale_of_the_whole_image_multiplies_that_of_the_level(tmp_path: Path) -> None:
    path = _ome_zarr(tmp_path / "a.zarr", NOISE, overall=(10.0, 10.0, 100.0))
    assert read_volume(path).spacing == pytest.approx((3, 2, 10))


def test_single_time_and_channel_are_dropped(tmp_path: Path) -> None:
    path = _ome_zarr(
        tmp_path / "a.zarr", NOISE[None, None], "0.4", "tczyx", scale=(1, 1, 0.3, 0.2, 0.1)
    )
    volume = read_volume(path)
    assert np.array_equal(volume.data, NOISE)
    assert volume.spacing == pytest.approx((0.3, 0.2, 0.1))


def test_two_channels_are_refused(tmp_path: Path) -> None:
    path = _ome_zarr(tmp_path / "a.zarr", np.stack([NOISE, NOISE]), axes="czyx", scale=(1, 1, 1, 1))
    with pytest.raises(ValueError, match=r"a\.zarr: has 2 channels"):
        read_volume(path)


def test_plain_arrays_and_levels_by_name(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "plain.zarr", data=NOISE, chunks=(4, 4, 4))
    assert np.array_equal(read_volume(tmp_path / "plain.zarr").data, NOISE)
    path = _ome_zarr(tmp_path / "a.zarr", NOISE)
    assert read_volume(path / "1").data.shape == (8, 6, 8)
    labels = read_labels(path)
    assert labels.dtype == np.int32
    assert np.array_equal(labels, NOISE)


def test_one_image_inside_a_collection_is_found_and_two_are_asked_for(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["bioformats2raw.layout"] = 3
    _ome_zarr(tmp_path / "a.zarr" / "0", NOISE)
    assert np.array_equal(read_volume(tmp_path / "a.zarr").data, NOISE)
    _ome_zarr(tmp_path / "a.zarr" / "1", NOISE)
    with pytest.raises(ValueError, match=r"holds 2 arrays \(0, 1\); name one, such as .*/0"):
        read_volume(tmp_path / "a.zarr")


def test_sharded_array_is_read(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=NOISE, chunks=(2, 4, 4), shards=(4, 12, 8))
    assert np.array_equal(read_volume(tmp_path / "a.zarr").data, NOISE)


def _hdf5(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, data in datasets.items():
            file.create_dataset(
                f"entry/{name}", data=data, chunks=data.shape[:1] and (4,) * data.ndim
            )
    return path


def test_only_volume_of_an_hdf5_file(tmp_path: Path) -> None:
    path = _hdf5(tmp_path / "a.h5", grey=NOISE, angles=np.arange(40))
    assert np.array_equal(read_volume(path).data, NOISE)
    assert np.array_equal(read_volume(f"{path}::/entry/grey").data, NOISE)
    assert is_image_stack(f"{path}::/entry/grey")
    with h5py.File(path, "a") as file:
        file["entry/grey"].attrs["element_size_um"] = (0.3, 0.2, 0.1)
    assert read_volume(path).spacing == pytest.approx((0.3, 0.2, 0.1))
    assert read_volume(path, voxel_size=(1, 1, 1)).spacing_from == "given"


def test_several_volumes_of_an_hdf5_file_are_asked_for(tmp_path: Path) -> None:
    path = _hdf5(tmp_path / "a.h5", dark=NOISE, grey=NOISE)
    with pytest.raises(ValueError, match=r"entry/dark, entry/grey\); name one, such as .*::/entry"):
        read_volume(path)
    with pytest.raises(FileNotFoundError, match="no such dataset; it holds entry/dark, entry/grey"):
        read_volume(f"{path}::/entry/white")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_volume(tmp_path / "b.h5::/entry/white")


# Absent chunks


def test_a_chunk_that_our_own_image_has_lost_is_named(tmp_path: Path) -> None:
    array = create_stack(tmp_path / "a.zarr", NOISE.shape, np.uint8, (1, 1, 1), (4, 4, 4))
    array[:] = 0
    assert not read_volume(tmp_path / "a.zarr").notes
    (tmp_path / "a.zarr" / "0" / "1" / "2" / "0").unlink()
    with pytest.raises(ValueError, match=r"a\.zarr: 1 of its 24 chunks are lost.*\(4, 8, 0\)"):
        read_volume(tmp_path / "a.zarr")


def _blank(path: Path, data: np.ndarray, chunks: tuple[int, ...], version: Any) -> None:
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset("a", data.shape, data.dtype, chunks=chunks)
            dataset[4:] = data[4:]
        return
    array = zarr.create_array(
        path, shape=data.shape, dtype=data.dtype, chunks=chunks, fill_value=0, zarr_format=version
    )
    array[:] = data


@pytest.mark.parametrize(("name", "version"), [("a.zarr", 2), ("a.zarr", 3), ("a.h5", 0)])
def test_chunks_left_out_because_they_are_empty_are_background(
    tmp_path: Path, name: str, version: int
) -> None:
    blank = np.concatenate([np.zeros((4, 12, 16), np.uint8), NOISE])
    _blank(tmp_path / name, blank, (2, 6, 8), version)
    volume = read_volume(tmp_path / name)
    assert np.array_equal(volume.data, blank)
    assert "8 of its 24 chunks are absent, and read as 0" in volume.notes[0]
    assert volume.facts["notes"] == volume.notes


@pytest.mark.parametrize("dims", [2, 3])
def test_what_was_assumed_is_in_the_log_and_in_run_json(
    tmp_path: Path, dims: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name in ((segmentation, "segment_volume"), (stardist3d, "segment_3d")):
        monkeypatch.setattr(module, name, lambda *args, **options: {})
    path = tmp_path / "a.zarr"
    _blank(path, np.concatenate([np.zeros((4, 12, 16), np.uint8), NOISE]), (2, 6, 8), 3)
    segmentation.segment(path, tmp_path / "out", dims=dims)
    said = capsys.readouterr().err
    (note,) = json.loads((tmp_path / "out" / "run.json").read_text())["volume"]["notes"]
    assert "8 of its 24 chunks are absent" in note
    assert note in said
    assert "records no voxel size" in said


def test_an_image_in_chunks_is_segmented_as_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[Path] = []
    monkeypatch.setattr(segmentation, "segment_images", lambda given, *args: files.extend(given))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["grey"] = NOISE[0]
    zarr.create_array(tmp_path / "a.zarr", data=NOISE[0], chunks=(6, 8))
    for name in ("a.h5", "a.zarr"):
        segmentation.segment(tmp_path / name, tmp_path / "out")
    assert files == [tmp_path / "a.h5", tmp_path / "a.zarr"]
    assert np.array_equal(read_image(tmp_path / "a.zarr").data, NOISE[0])


def test_padding_and_gaps_between_labels_are_background(tmp_path: Path) -> None:
    padded = np.pad(NOISE, ((0, 8), (0, 4), (0, 16)))
    _blank(tmp_path / "a.zarr", padded, (8, 16, 16), 3)
    assert np.array_equal(read_volume(tmp_path / "a.zarr").data, padded)
    labels = np.zeros((24, 8, 8), np.uint16)
    labels[:8], labels[16:] = 1, 2
    _blank(tmp_path / "b.zarr", labels, (8, 4, 4), 2)
    assert np.array_equal(read_labels(tmp_path / "b.zarr"), labels)


def test_grey_values_never_written_are_refused_and_labels_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=NOISE.shape, dtype=np.uint8, chunks=(4, 4, 4))
    with pytest.raises(ValueError, match="none of its 24 chunks was ever written"):
        read_volume(path)
    assert not read_labels(path).any()
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("grey", NOISE.shape, np.uint8)
    with pytest.raises(ValueError, match=r"b\.h5: nothing was ever written"):
        read_volume(tmp_path / "b.h5")


def test_absent_chunks_without_a_fill_value_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=NOISE, chunks=(4, 4, 4), zarr_format=2, compressors=None)
    _edited(path, fill_value=None)
    assert np.array_equal(read_volume(path).data, NOISE)
    (path / "1.2.0").unlink()
    with pytest.raises(ValueError, match="1 of its 24 chunks is absent, and it defines no fill"):
        read_volume(path)


# Unsafe files


def _edited(path: Path, **entries: Any) -> None:
    file = path / "zarr.json"
    if not file.exists():
        file = path / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


class _Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return pytest.fail, ("code from a chunk was run",)


def test_no_code_in_a_chunk_is_run(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=NOISE, chunks=NOISE.shape, zarr_format=2, compressors=None)
    _edited(path, filters=[{"id": "pickle"}])
    (path / "0.0.0").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(ValueError, match=r"a\.zarr: .*pickle"):
        read_volume(path)


def test_absurd_sizes_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=NOISE, chunks=(4, 4, 4))
    _edited(tmp_path / "a.zarr", shape=[1 << 20, 1 << 20, 1 << 20])
    with pytest.raises(ValueError, match="far too small"):
        read_volume(tmp_path / "a.zarr")
    single = {"name": "regular", "configuration": {"chunk_shape": [1, 1, 1]}}
    _edited(tmp_path / "a.zarr", shape=[400, 400, 400], chunk_grid=single)
    with pytest.raises(ValueError, match="declares 64,000,000 chunks"):
        read_volume(tmp_path / "a.zarr")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        dataset = file.create_dataset("grey", (1 << 20,) * 3, np.uint8, chunks=(4, 4, 4))
        dataset[0, 0, 0] = 1
    with pytest.raises(ValueError, match="far too small"):
        read_volume(tmp_path / "b.h5")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"datasets": [{"path": "../../elsewhere"}]}, "name the level"),
        ({"datasets": [{"path": "x" * 3000}]}, r"name the level 'x+\.\.\.'"),
        ({"datasets": [7]}, "name the level '7'"),
        ({"datasets": [{"path": "7"}]}, "finest level '7' is missing"),
        ({"datasets": []}, r"cannot be read as Zarr"),
        ({"axes": [{"name": "y"}, {"name": "x"}]}, "axes are YX, and its array has 3"),
        (
            {"coordinateTransformations": [{"type": "scale", "scale": [1, 1]}]},
            "scale has 2 numbers for 3 axes",
        ),
        ({"axes": [{"name": "q"}, {"name": "y"}, {"name": "x"}]}, "axes are QYX"),
    ],
)
def test_bad_multiscales_get_one_sentence(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    path = _ome_zarr(tmp_path / "a.zarr", NOISE)
    group = zarr.open_group(path)
    image = dict(group.attrs["ome"]["multiscales"][0]) | change  # type: ignore[index,call-overload]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    with pytest.raises(ValueError, match=sentence) as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_chunks_and_text_are_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=NOISE, chunks=(4, 4, 4))
    chunk = tmp_path / "a.zarr" / "c" / "1" / "1" / "1"
    chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"a\.zarr: its voxels cannot be read \(.*; compare"):
        read_volume(tmp_path / "a.zarr")
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(ValueError, match=r"b\.zarr"):
        read_volume(tmp_path / "b.zarr")
    (tmp_path / "c.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"c\.h5: cannot be read as HDF5"):
        read_volume(tmp_path / "c.h5")
