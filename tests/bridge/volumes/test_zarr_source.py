"""Zarr as other programs write it: nested keys, named axes, groups, and chunks cut short."""

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import open_volume, read_volume
from particlebridge.bridge.volumes.stored_arrays import StoredArray

NOISE = np.random.default_rng(5).integers(1, 1000, (8, 12, 16)).astype(np.uint16)


def _array(path: Path, version: Any = 2, data: np.ndarray = NOISE, **options: Any) -> Path:
    chunks = tuple(min(n, 4) for n in data.shape)
    zarr.create_array(path, data=data, chunks=chunks, zarr_format=version, **options)
    return path


@pytest.mark.parametrize(("written", "told"), [("/", None), ("/", "."), (".", "/")])
def test_nested_keys_are_found_whatever_the_metadata_say(
    tmp_path: Path, written: str, told: str | None
) -> None:
    path = _array(tmp_path / "a.zarr", chunk_key_encoding={"name": "v2", "separator": written})
    metadata = json.loads((path / ".zarray").read_text())
    metadata.pop("dimension_separator")
    if told:
        metadata["dimension_separator"] = told
    (path / ".zarray").write_text(json.dumps(metadata))
    opened = open_volume(path)
    assert isinstance(opened.data, StoredArray)
    assert np.array_equal(opened.data[:], NOISE)
    assert "dimension_separator" in opened.notes[0]
    assert "absent" not in " ".join(opened.notes)


def test_named_axes_are_turned(tmp_path: Path) -> None:
    path = _array(tmp_path / "a.zarr", 3, NOISE.T, dimension_names=("x", "y", "z"))
    volume = read_volume(path)
    assert np.array_equal(volume.data, NOISE)
    assert "XYZ are turned to ZYX" in volume.notes[0]
    path = _array(
        tmp_path / "b.zarr",
        2,
        NOISE[None],
        attributes={"_ARRAY_DIMENSIONS": ["time", "z", "y", "x"]},
    )
    assert np.array_equal(read_volume(path).data, NOISE)
    path = _array(tmp_path / "c.zarr", 3, NOISE, dimension_names=("time", "y", "x"))
    with pytest.raises(ValueError, match="has 8 time points; if they are slices"):
        read_volume(path)


def _multiscale(group: zarr.Group, **options: Any) -> None:
    group.create_array("0", data=NOISE, chunks=(4, 4, 4), **options)
    scale = [{"type": "scale", "scale": [0.3, 0.1, 0.1]}]
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["multiscales"] = [image]


def test_a_level_by_name_has_the_size_of_its_image(tmp_path: Path) -> None:
    _multiscale(zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2))
    assert read_volume(tmp_path / "a.zarr" / "0").spacing == pytest.approx((0.3, 0.1, 0.1))


def test_images_are_found_deep_in_a_group_and_labels_are_told_apart(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("volumes/labels/cells", data=(NOISE > 500).astype(np.uint8))
    root.create_array("volumes/raw", data=NOISE)
    root.create_array("table", data=np.arange(9))
    volume = read_volume(tmp_path / "a.zarr")
    assert np.array_equal(volume.data, NOISE)
    assert "volumes/raw is read; it also holds volumes/labels/cells" in volume.notes[0]
    assert np.array_equal(read_labels(tmp_path / "a.zarr"), NOISE > 500)


def test_of_several_multiscales_the_first_is_read_and_it_is_said(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    _multiscale(group)
    held: Any = group.attrs["multiscales"]
    group.attrs["multiscales"] = [*held, *held]
    assert "holds 2 multiscale images" in read_volume(tmp_path / "a.zarr").notes[0]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", [">u2", ">f4", "?", "f2", "u8"])
def test_number_types_of_other_machines(tmp_path: Path, version: int, dtype: str) -> None:
    data = (NOISE % 2 if dtype == "?" else NOISE).astype(dtype)
    assert np.array_equal(read_volume(_array(tmp_path / "a.zarr", version, data)).data, data)


def test_consolidated_metadata_that_are_out_of_date_are_not_used(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    _multiscale(group)
    zarr.consolidate_metadata(tmp_path / "a.zarr", zarr_format=2)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+", use_consolidated=False)
    del group["0"]
    group.create_array("0", data=NOISE + 1, chunks=(8, 12, 16))
    assert np.array_equal(read_volume(tmp_path / "a.zarr").data, NOISE + 1)


# Chunks cut short


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kept", [0, 13, -7])
@pytest.mark.parametrize("codec", ["none", "blosc", "zstd", "gzip"])
def test_a_truncated_chunk_is_told(tmp_path: Path, version: int, kept: int, codec: str) -> None:
    two = {"blosc": numcodecs.Blosc(), "zstd": numcodecs.Zstd(), "gzip": numcodecs.GZip()}
    three = {
        "blosc": zarr.codecs.BloscCodec(),
        "zstd": zarr.codecs.ZstdCodec(),
        "gzip": zarr.codecs.GzipCodec(),
    }
    packer = (two if version == 2 else three).get(codec)
    path = _array(tmp_path / "a.zarr", version, compressors=packer)
    chunk = path / ("1.2.1" if version == 2 else "c/1/2/1")
    chunk.write_bytes(chunk.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"a\.zarr: (is damaged|its voxels cannot)") as caught:
        read_volume(path)
    if codec in ("none", "blosc") or kept == 0:
        assert "is damaged" in str(caught.value)
        assert "truncated" in str(caught.value)


@pytest.mark.parametrize("kept", [0, 300, -5])
def test_a_truncated_shard_is_told(tmp_path: Path, kept: int) -> None:
    path = _array(tmp_path / "a.zarr", 3, shards=(8, 12, 16), compressors=zarr.codecs.BloscCodec())
    assert np.array_equal(read_volume(path).data, NOISE)
    shard = path / "c/0/0/0"
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"a\.zarr: is damaged \(.*(truncated|checksum)"):
        read_volume(path)
