"""HDF5 as ilastik, h5py and beamlines write it: axes, links, filters, several datasets."""

import fcntl
import json
import pickle
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from particlebridge.bridge import measure_files
from particlebridge.bridge.volumes.images import is_image_stack, read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import open_volume, read_volume

RNG = np.random.default_rng(5)
NOISE = RNG.integers(1, 1000, (6, 10, 12)).astype(np.uint16)
LABELS = np.zeros((6, 10, 12), np.uint8)
LABELS[1:4, 2:6, 3:8] = 1


def _tags(axes: str, **resolution: float) -> str:
    """Tags as vigra writes them."""
    return json.dumps(
        {"axes": [{"key": axis, "typeFlags": 1 if axis == "c" else 2,
                   "resolution": resolution.get(axis, 0), "description": ""} for axis in axes]}
    )  # fmt: skip


def _tagged(path: Path, data: np.ndarray, tags: Any, **more: Any) -> Path:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("exported_data", data=data, chunks=(True))
        dataset.attrs["axistags"] = tags
        for name, value in more.items():
            dataset.attrs[name] = value
    return path


# Axes


@pytest.mark.parametrize("form", [str, str.encode, lambda text: np.array([text.encode()])])
def test_ilastik_s_channel_axis_is_dropped(tmp_path: Path, form: Any) -> None:
    path = _tagged(tmp_path / "a.h5", NOISE[..., None], form(_tags("zyxc")))
    volume = read_volume(path)
    assert np.array_equal(volume.data, NOISE)
    assert not volume.notes
    assert np.array_equal(read_volume(f"{path}::/exported_data").data, NOISE)


def test_axes_in_another_order_are_turned(tmp_path: Path) -> None:
    path = _tagged(tmp_path / "a.h5", NOISE.T, _tags("xyz"))
    opened = open_volume(path)
    assert opened.data.shape == NOISE.shape
    assert np.array_equal(opened.data[2:5, 3, 1:9:2], NOISE[2:5, 3, 1:9:2])
    assert np.array_equal(opened.data[4], NOISE[4])
    assert np.array_equal(pickle.loads(pickle.dumps(opened.data))[:, :, 3], NOISE[:, :, 3])
    assert opened.notes == (f"{path}: its axes XYZ are turned to ZYX",)
    path = _tagged(tmp_path / "b.h5", NOISE.transpose(2, 0, 1)[:, None, :, :, None], _tags("xtzyc"))
    assert np.array_equal(read_volume(path).data, NOISE)


def test_labels_are_turned_too(tmp_path: Path) -> None:
    path = _tagged(tmp_path / "a.h5", LABELS.T, _tags("xyz"))
    assert np.array_equal(read_labels(path), LABELS)


def test_time_frames_and_colours_are_no_slices(tmp_path: Path) -> None:
    path = _tagged(tmp_path / "a.h5", NOISE, _tags("tyx"))
    with pytest.raises(ValueError, match="has 6 time points; if they are slices, name their axis"):
        read_volume(path)
    colour = np.stack([NOISE[0]] * 3, -1)
    path = _tagged(tmp_path / "b.h5", colour, _tags("yxc"))
    with pytest.raises(ValueError, match="has 3 channels"):
        read_volume(path)
    assert not is_image_stack(path)
    assert np.array_equal(read_image(path).data, colour)


def test_names_of_dimensions_are_axes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("grey", data=NOISE.T)
        for dimension, name in zip(dataset.dims, "xyz", strict=True):
            dimension.label = name
    assert np.array_equal(read_volume(tmp_path / "a.h5").data, NOISE)


@pytest.mark.parametrize(
    "tags",
    ["{", "[]", "{}", json.dumps({"axes": 3}), _tags("zy"), _tags("zzx"), _tags("zyq"), b"\xff", 7],
)
def test_tags_that_fit_no_axes_are_said(tmp_path: Path, tags: Any) -> None:
    volume = read_volume(_tagged(tmp_path / "a.h5", NOISE, tags))
    assert np.array_equal(volume.data, NOISE)
    assert tags == 7 or "axistags are not used" in volume.notes[0]


def test_an_axis_of_length_one_without_tags_is_dropped(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["grey"] = NOISE[None, ..., None]
        file["two"] = np.stack([NOISE, NOISE])
    assert np.array_equal(read_volume(tmp_path / "a.h5").data, NOISE)
    with pytest.raises(ValueError, match=r"found 4 axes of shape \(2, 6, 10, 12\); save one"):
        read_volume(f"{tmp_path / 'a.h5'}::/two")


def test_voxel_size_of_ilastik(tmp_path: Path) -> None:
    tags = _tags("zyxc", z=300.0, y=200.0, x=100.0)
    units = json.dumps({"z": "nm", "y": "nm", "x": "nm", "c": ""})
    path = _tagged(tmp_path / "a.h5", NOISE[..., None], tags, axis_units=units)
    assert read_volume(path).spacing == pytest.approx((0.3, 0.2, 0.1))
    ratio = read_volume(_tagged(tmp_path / "b.h5", NOISE[..., None], tags))
    assert ratio.spacing == pytest.approx((3, 2, 1))
    assert ratio.spacing_from == "ratio"
    units = json.dumps(dict.fromkeys("zyx", "furlong"))
    strange = read_volume(_tagged(tmp_path / "d.h5", NOISE[..., None], tags, axis_units=units))
    assert strange.spacing_from == "ratio"
    assert "its unit 'furlong' is not a known unit of length" in strange.notes[0]
    none = read_volume(_tagged(tmp_path / "c.h5", NOISE, _tags("zyx")))
    assert none.spacing_from == "unknown"


@pytest.mark.parametrize("sizes", [b"small", (0.1, 0.1), (0.3, 0, 0.1), (np.nan,) * 3])
def test_a_voxel_size_that_is_none_is_said(tmp_path: Path, sizes: Any) -> None:
    volume = read_volume(_tagged(tmp_path / "a.h5", NOISE, _tags("zyx"), element_size_um=sizes))
    assert volume.spacing_from == "unknown"
    assert "not three positive numbers" in volume.notes[0]


# Which dataset


def test_grey_values_are_taken_where_labels_lie_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["label"], file["raw"] = LABELS, NOISE
    volume = read_volume(path)
    assert np.array_equal(volume.data, NOISE)
    assert "raw is read; it also holds label" in volume.notes[0]
    assert np.array_equal(read_labels(path), LABELS)
    assert np.array_equal(open_volume(path, holds="labels").data[:], LABELS)
    measure_files(
        f"{path}::/raw", path, tmp_path / "features.csv", labels_are="body", voxel_size=(1,) * 3
    )
    assert len((tmp_path / "features.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "name",
    ["volumes/labels/cells", "cellLabels", "nuclei_gt", "Mask2", "ground_truth", "labelImage"],
)
def test_names_of_labels(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[name], file["unmasked_segments"] = LABELS, NOISE
    assert np.array_equal(read_volume(tmp_path / "a.h5").data, NOISE)
    assert np.array_equal(read_labels(tmp_path / "a.h5"), LABELS)


def test_labels_are_never_grey_values_in_silence(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/labels/neurons"], file["volumes/raw"] = LABELS, np.stack([NOISE, NOISE])
    with pytest.raises(ValueError, match=r"raw is 2 x 6 x 10 x 12, and .* is named as labels"):
        read_volume(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["label"] = LABELS
    assert "is named as labels, and is read as grey" in read_volume(tmp_path / "b.h5").notes[0]


def test_a_group_and_links_inside_the_file_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        file["entry/data/grey"] = NOISE
        file["dark"] = NOISE
        file["soft"] = h5py.SoftLink("/entry/data")
        file["hard"] = file["entry/data/grey"]
        file["circle"] = h5py.SoftLink("/circle")
    for name in ("entry/data/grey", "entry", "soft/grey", "soft", "hard"):
        assert np.array_equal(read_volume(f"{path}::/{name}").data, NOISE), name
    for name in ("circle", "soft/none", "dark/none"):
        with pytest.raises(FileNotFoundError, match="no such dataset; it holds"):
            read_volume(f"{path}::/{name}")


# Voxels in other files


def test_the_files_that_hold_the_voxels_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["raw/a"] = NOISE
    with h5py.File(tmp_path / "master.nxs", "w") as file:
        file["entry/data"] = h5py.ExternalLink("data.h5", "/raw/a")
    sentence = rf"other files \(data.h5\); give that one, such as {tmp_path}/data.h5::/raw/a$"
    for name in ("", "::/entry/data", "::/entry"):
        with pytest.raises(ValueError, match=sentence):
            read_volume(f"{tmp_path / 'master.nxs'}{name}")
    (tmp_path / "data.h5").unlink()
    with pytest.raises(ValueError, match="raw/a, which is not there"):
        read_volume(tmp_path / "master.nxs")


def test_virtual_and_raw_voxels_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(bytes(64))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "raw", (4, 4, 4), "u1", external=[(str(tmp_path / "secret.txt"), 0, 64)]
        )
        layout = h5py.VirtualLayout((6, 10, 12), np.uint16)
        layout[:] = h5py.VirtualSource("part.h5", "grey", (6, 10, 12))
        file.create_virtual_dataset("virtual", layout)
    with pytest.raises(ValueError, match=r"other files \(.*secret.txt\); give those, or copy"):
        read_volume(f"{tmp_path / 'a.h5'}::/raw")
    with pytest.raises(ValueError, match=r"other files \(part.h5\); give those, or copy"):
        read_volume(f"{tmp_path / 'a.h5'}::/virtual")


# Filters and types


@pytest.mark.parametrize("packed", [hdf5plugin.Bitshuffle(), hdf5plugin.Blosc(), hdf5plugin.LZ4(),
                                    hdf5plugin.Zstd(), hdf5plugin.Blosc2(), hdf5plugin.BZip2(),
                                    {"scaleoffset": 0}, {"compression": "szip"},
                                    {"compression": "lzf", "shuffle": True}])  # fmt: skip
def test_filters_of_beamlines_are_read(tmp_path: Path, packed: Any) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("grey", data=NOISE, chunks=(2, 5, 6), **packed)
    assert np.array_equal(read_volume(tmp_path / "a.h5").data, NOISE)


def test_a_filter_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("grey", data=NOISE, chunks=(2, 5, 6), **hdf5plugin.Bitshuffle())
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    with pytest.raises(ValueError, match=r"filter 32008 \(bitshuffle.*h5repack") as caught:
        read_volume(path)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("dtype", [">u2", "<f2", ">f4", "?", "u8", ">i4"])
def test_number_types_of_other_machines(tmp_path: Path, dtype: str) -> None:
    data = (NOISE % 2 if dtype == "?" else NOISE).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["grey"] = data
        file["none"], file["text"] = h5py.Empty("f4"), "words"
    assert np.array_equal(read_volume(tmp_path / "a.h5").data, data)


@pytest.mark.parametrize("dtype", ["c8", [("r", "u1"), ("g", "u1")]])
def test_what_are_no_grey_values_is_named(tmp_path: Path, dtype: Any) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["grey"] = np.zeros((4, 4, 4), dtype)
    with pytest.raises(ValueError, match=r"a\.h5.*(not grey values|no array)"):
        read_volume(f"{tmp_path / 'a.h5'}::/grey")


# What is damaged, and what is not


def _packed(path: Path, **packed: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("grey", data=NOISE, chunks=(2, 10, 12), **packed)
    return path


def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    path = _packed(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"a\.h5: is damaged \(.*truncated file: eof.*; copy or"):
        read_volume(path)


@pytest.mark.parametrize("packed", [{"fletcher32": True}, {"compression": "gzip"}])
def test_a_chunk_that_its_filters_refuse_is_told(tmp_path: Path, packed: dict[str, Any]) -> None:
    path = _packed(tmp_path / "a.h5", **packed)
    with h5py.File(path) as file:
        at = file["grey"].id.get_chunk_info(1).byte_offset
    data = bytearray(path.read_bytes())
    data[at + 20 : at + 60] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.h5: its voxels cannot be read \(.*filter") as caught:
        read_volume(path)
    assert "damaged" not in str(caught.value)


def test_a_file_that_another_program_holds_or_left_open_is_not_damaged(tmp_path: Path) -> None:
    path = _packed(tmp_path / "a.h5")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match=r"a\.h5: is open in another program; close it there"):
            read_volume(path)
    with h5py.File(path, "w", libver="latest") as file:
        file["grey"] = NOISE
        file.flush()
        (tmp_path / "b.h5").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=r"b\.h5: was not closed by its writer; .*h5clear -s"):
        read_volume(tmp_path / "b.h5")
