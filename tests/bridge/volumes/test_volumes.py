"""Reading: what Fiji, Python and microscopes write, and what unsafe files do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from particlebridge.bridge import fuse_folder
from particlebridge.bridge.volumes.images import is_image_stack, read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import open_volume, read_volume
from particlebridge.bridge.volumes.slice_folder import list_images
from particlebridge.bridge.volumes.voxel_size import size_doubt
from particlebridge.bridge.volumes.writing import write_labels, write_map, write_mask

STACK = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)


def test_imagej_hyperstack_gives_axes_and_voxel_size(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        STACK,
        imagej=True,
        resolution=(1 / 0.07, 1 / 0.14),
        metadata={"axes": "ZYX", "spacing": 0.21, "unit": "um"},
    )
    volume = read_volume(path)
    assert np.array_equal(volume.data, STACK)
    assert volume.spacing == pytest.approx((0.21, 0.14, 0.07), rel=1e-6)
    assert volume.spacing_from == "metadata"


def test_nanometres_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        STACK,
        imagej=True,
        resolution=(1 / 70, 1 / 70),
        metadata={"axes": "ZYX", "spacing": 70.0, "unit": "nm"},
    )
    assert read_volume(path).spacing == pytest.approx((0.07, 0.07, 0.07), rel=1e-6)


def test_ome_tiff_gives_axes_and_voxel_size(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    sizes = {"PhysicalSizeX": 70, "PhysicalSizeY": 80, "PhysicalSizeZ": 90}
    units = {f"PhysicalSize{a}Unit": "nm" for a in "XYZ"}
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX", **sizes, **units})
    assert read_volume(path).spacing == pytest.approx((0.09, 0.08, 0.07))


def test_given_voxel_size_wins(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", STACK, (0.5, 0.5, 0.5))
    volume = read_volume(tmp_path / "a.tif", voxel_size=(3, 2, 1))
    assert volume.spacing == (3, 2, 1)
    assert volume.spacing_from == "given"


def test_plain_tiff_and_npy_have_unknown_voxel_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", metadata=None)
    np.save(tmp_path / "a.npy", STACK)
    for name in ("a.tif", "a.npy"):
        volume = read_volume(tmp_path / name)
        assert np.array_equal(volume.data, STACK)
        assert volume.spacing_from == "unknown"


def test_uncompressed_tiff_is_mapped_not_loaded(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", STACK, (1, 1, 1))
    assert isinstance(read_volume(tmp_path / "a.tif").data.base, np.memmap)


def test_compressed_tiff_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression="zlib", photometric="minisblack")
    assert np.array_equal(read_volume(tmp_path / "a.tif").data, STACK)


def test_slices_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for i in (11, 10, 9, 8):
        tifffile.imwrite(tmp_path / f"slice{i}.tif", np.full((5, 7), i, np.uint8))
    volume = read_volume(tmp_path)
    assert volume.data[:, 0, 0].tolist() == [8, 9, 10, 11]
    assert [f.stem for f in list_images(tmp_path)] == ["slice8", "slice9", "slice10", "slice11"]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_labels_round_trip_with_voxel_size(tmp_path: Path, dtype: type) -> None:
    labels = STACK.astype(dtype)
    if dtype == np.int32:
        labels[0, 0, 0] = 70_000
    write_labels(tmp_path / "labels.tif", labels, (0.3, 0.2, 0.1))
    assert np.array_equal(read_labels(tmp_path / "labels.tif"), labels)
    assert read_volume(tmp_path / "labels.tif").spacing == pytest.approx((0.3, 0.2, 0.1), rel=1e-5)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tif:
        assert tif.is_imagej == (dtype == np.uint16)
        assert tif.is_ome == (dtype == np.int32)


def test_maps_and_masks_round_trip(tmp_path: Path) -> None:
    values = STACK / 100
    write_map(tmp_path / "prob.tif", values, (1, 1, 1))
    assert np.allclose(read_volume(tmp_path / "prob.tif").data, values)
    write_mask(tmp_path / "solid.tif", STACK % 2 == 0, (1, 1, 1))
    assert set(np.unique(read_volume(tmp_path / "solid.tif").data)) == {0, 255}


def test_one_image_keeps_its_pixel_size(tmp_path: Path) -> None:
    write_map(tmp_path / "a.tif", STACK[0], (1, 0.2, 0.1))
    image = read_image(tmp_path / "a.tif")
    assert image.data.shape == (6, 8)
    assert image.pixel_size == pytest.approx((0.2, 0.1), rel=1e-5)
    assert not is_image_stack(tmp_path / "a.tif")


def test_colour_image_has_channels_last(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6, 3), np.uint8), photometric="rgb")
    assert read_image(tmp_path / "a.tif").data.shape == (5, 6, 3)


def _truncated(path: Path) -> None:
    tifffile.imwrite(path, STACK, photometric="minisblack")
    path.write_bytes(path.read_bytes()[:300])


def _absurd(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), compression="zlib", photometric=0)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for tag in ("ImageWidth", "ImageLength"):
            entry = tif.pages.first.tags[tag]
            raw[entry.offset + 2 : entry.offset + 4] = (4).to_bytes(2, "little")
            raw[entry.offset + 8 : entry.offset + 12] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(raw)


def _circle(path: Path) -> None:
    tifffile.imwrite(path, STACK, photometric="minisblack", metadata=None)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages[0], tif.pages[3]
        tags = len(last.tags)
    end = last.offset + 2 + 12 * tags
    raw[end : end + 4] = first.offset.to_bytes(4, "little")
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: None, "no such file"),
        (_circle, "refer to each other in a circle"),
        (lambda p: p.write_bytes(b"not a tiff"), "cannot be read as TIFF"),
        (_truncated, "is damaged"),
        (_absurd, "far too small"),
        (lambda p: tifffile.imwrite(p, STACK[0]), "a 3-D volume"),
        (lambda p: tifffile.imwrite(p, STACK[:, None, :3], imagej=True,
                                    metadata={"axes": "TZYX"}), "time frames"),
        (lambda p: tifffile.imwrite(p, STACK[:, :3].swapaxes(0, 1)[None], imagej=True,
                                    metadata={"axes": "ZCYX"}), "channels"),
        (lambda p: tifffile.imwrite(p, np.zeros((3, 4, 5), np.complex64)), "not grey values"),
    ],
)  # fmt: skip
def test_bad_volume_gets_one_sentence(tmp_path: Path, make, sentence: str) -> None:
    path = tmp_path / "bad.tif"
    make(path)
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 8, 9), (5, 1, 9), (5, 9, 1)])
def test_a_volume_one_voxel_thin_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape, np.uint8))
    with pytest.raises(ValueError, match=r"a\.npy: is one voxel thin"):
        read_volume(tmp_path / "a.npy")


def test_slices_that_differ_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s0.tif", np.zeros((4, 5), np.uint8))
    tifffile.imwrite(tmp_path / "s1.tif", np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"s1\.tif.*alike"):
        read_volume(tmp_path)


def test_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no image"):
        read_volume(tmp_path)


def test_pickled_npy_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"cannot be read as \.npy"):
        read_volume(tmp_path / "a.npy")


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf])
def test_impossible_voxel_size_is_refused(tmp_path: Path, bad: float) -> None:
    np.save(tmp_path / "a.npy", STACK)
    with pytest.raises(ValueError, match="voxel size"):
        read_volume(tmp_path / "a.npy", voxel_size=(1, bad, 1))


def test_fractions_are_no_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK / 10)
    with pytest.raises(ValueError, match="not a label image"):
        read_labels(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "layout",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "tile": (32, 32)},
        {"compression": "lzw", "rowsperstrip": 7},
        {"rowsperstrip": 7},
        {"tile": (16, 16)},
        {"compression": "zlib", "imagej": True, "metadata": {"axes": "ZYX"}},
        {"compression": "zlib", "ome": True, "metadata": {"axes": "ZYX"}},
    ],
)
def test_strips_and_tiles_are_all_there(layout: dict[str, Any], tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 200, (5, 70, 90)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack", **layout)
    assert np.array_equal(read_volume(tmp_path / "a.tif").data, grey)


def test_strips_that_a_packed_tiff_does_not_list(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((5, 70, 90), np.uint8), compression="zlib", photometric=1)
    with tifffile.TiffFile(path) as tif:
        places = [page.aspage().tags["ImageLength"].valueoffset for page in tif.pages]
    data = bytearray(path.read_bytes())
    for at in places:
        data[at : at + 2] = (7000).to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.tif: .*page 1 lists 1 of 100 strips"):
        read_volume(path)


def test_a_gap_in_the_numbers_of_slices_is_an_error(tmp_path: Path) -> None:
    for number in (0, 10, 20, 40):
        tifffile.imwrite(tmp_path / f"s{number}.tif", np.ones((4, 5), np.uint8))
    with pytest.raises(ValueError, match=r"s20\.tif is followed by s40\.tif"):
        read_volume(tmp_path)
    (tmp_path / "s40.tif").unlink()
    assert read_volume(tmp_path).data.shape == (3, 4, 5)


def test_what_is_larger_than_free_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, chunked = tmp_path / "a.tif", tmp_path / "a.zarr"
    grey = np.zeros((8, 64, 64), np.uint16)
    tifffile.imwrite(packed, grey, compression="zlib")
    zarr.create_array(chunked, data=grey + 1, chunks=(2, 32, 32))
    free = SimpleNamespace(available=grey[0].nbytes + 1)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    assert open_volume(packed).data[3].shape == open_volume(chunked).data[3].shape == (64, 64)
    fix = "8 x 64 x 64 voxels at once takes 6.55e-05 GB of memory, more than is free; run it with"
    for path in (packed, chunked):
        with pytest.raises(ValueError, match=f"{path.name}: reading its {fix} --format zarr"):
            read_volume(path)
    with pytest.raises(ValueError, match=r"a\.tif: unpacking it to 8 x 64 x 64"):
        read_labels(packed)
    free.available = 100
    for path in (packed, chunked):
        with pytest.raises(ValueError, match=r"each of its pieces of .* more than is free; write"):
            open_volume(path)


def _scan_without_step(folder: Path, kind: str) -> Path:
    """Pixels of 0.14 by 0.07 um, and not a word on the distance of the slices."""
    path = folder / kind
    resolution = (1 / 0.07, 1 / 0.14)
    if kind == "imagej.tif":
        told = {"axes": "ZYX", "unit": "um"}
        tifffile.imwrite(path, STACK, imagej=True, resolution=resolution, metadata=told)
    elif kind == "a.ome.tif":
        sizes = {"PhysicalSizeX": 0.07, "PhysicalSizeY": 0.14}
        tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX", **sizes})
    else:
        path.mkdir()
        for z, plane in enumerate(STACK):
            tifffile.imwrite(
                path / f"{z:02}.tif",
                plane,
                imagej=True,
                resolution=resolution,
                metadata={"unit": "um"},
            )
    return path


@pytest.mark.parametrize("kind", ["imagej.tif", "a.ome.tif", "slices"])
def test_a_distance_of_slices_that_is_not_recorded_is_doubted(tmp_path: Path, kind: str) -> None:
    path = _scan_without_step(tmp_path, kind)
    volume = read_volume(path)
    assert volume.spacing == pytest.approx((0.14, 0.14, 0.07), rel=1e-6)
    assert volume.spacing_from == "pixel size"
    doubt = size_doubt(path, volume.spacing, volume.spacing_from)
    assert doubt is not None
    assert doubt.startswith(f"{path}: records no z step")
    given = read_volume(path, voxel_size=(0.2, 0.14, 0.07))
    assert size_doubt(path, given.spacing, given.spacing_from) is None


def test_the_views_know_the_distance_of_slices_that_the_volume_does_not(tmp_path: Path) -> None:
    path = _scan_without_step(tmp_path, "imagej.tif")
    views = tmp_path / "views" / "xy"
    views.mkdir(parents=True)
    write_labels(views / "labels.tif", STACK.astype(np.int32), (0.2, 0.14, 0.07))
    fused = read_volume(fuse_folder(tmp_path, volume=path))
    assert fused.spacing == pytest.approx((0.2, 0.14, 0.07), rel=1e-6)
