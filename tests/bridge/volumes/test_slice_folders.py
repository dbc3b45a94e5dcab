"""Folders of slices as instruments and people fill them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.bridge import segment
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import read_volume
from particlebridge.bridge.volumes.slice_folder import left_out, list_images
from PIL import Image

STACK = np.random.default_rng(0).integers(0, 255, (8, 40, 44), dtype=np.uint8)


def _fill(folder: Path, name: str = "s{:03d}.tif") -> Path:
    for z, plane in enumerate(STACK):
        tifffile.imwrite(folder / name.format(z), plane)
    return folder


def test_previews_of_the_slices_are_left_out(tmp_path: Path) -> None:
    for z, plane in enumerate(STACK):
        Image.fromarray(plane).save(_fill(tmp_path) / f"s{z:03d}.jpg")
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.data, STACK)
    assert "left out 8 files (s000.jpg to s007.jpg); s000.tif is the same" in volume.notes[0]


@pytest.mark.parametrize("prefix", ["MAX_", "AVG_", "STD_"])
def test_what_imagej_projected_is_left_out(prefix: str, tmp_path: Path) -> None:
    tifffile.imwrite(_fill(tmp_path) / f"{prefix}s.tif", STACK.max(0))
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.data, STACK)
    assert f"left out {prefix}s.tif, which ImageJ projected" in volume.notes[0]


@pytest.mark.parametrize("name", ["overview.tif", "scan_000.tif", "s000_mask.tif"])
def test_another_image_among_the_slices_is_refused(name: str, tmp_path: Path) -> None:
    tifffile.imwrite(_fill(tmp_path) / name, STACK[0])
    with pytest.raises(ValueError, match=rf"{name} is not named like s\d+.tif; leave only"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["rec_{:05d}.8bit.tif", "s{:d}.tif", "\u00b2{:d}.tif", "a3_{:04d}_x2.tif", "z{:d}um_2024.tif"],
)
def test_a_gap_is_seen_wherever_the_number_stands(name: str, tmp_path: Path) -> None:
    _fill(tmp_path, name)
    assert np.array_equal(read_volume(tmp_path).data, STACK)
    (tmp_path / name.format(4)).unlink()
    before, after = name.format(3), name.format(5)
    with pytest.raises(ValueError, match=f"{before} is followed by {after}"):
        read_volume(tmp_path)


def test_a_time_beside_the_number_is_no_gap(tmp_path: Path) -> None:
    times = (100, 107, 119, 120, 133, 140, 155, 156)
    for z, (plane, time) in enumerate(zip(STACK, times, strict=True)):
        tifffile.imwrite(tmp_path / f"s{z:03d}_{time}.tif", plane)
    assert np.array_equal(read_volume(tmp_path).data, STACK)
    (tmp_path / "s003_120.tif").unlink()
    with pytest.raises(ValueError, match=r"s002_119\.tif is followed by s004_133\.tif"):
        read_volume(tmp_path)


def test_heights_with_decimals_are_no_gap(tmp_path: Path) -> None:
    for z, plane in enumerate(STACK):
        tifffile.imwrite(tmp_path / f"z_{0.98 + 0.005 * z:.3f}.tif", plane)
    assert np.array_equal(read_volume(tmp_path).data, STACK)


@pytest.mark.parametrize("names", [("z{}_c0", "z{}_c1"), ("s{}", "s0{}")])
def test_two_images_of_one_slice_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    for z, plane in enumerate(STACK):
        for name in names:
            tifffile.imwrite(tmp_path / f"{name.format(z)}.tif", plane)
    with pytest.raises(ValueError, match="tells all of them apart; leave one file per slice"):
        read_volume(tmp_path)


def test_names_without_numbers_are_told(tmp_path: Path) -> None:
    for name, plane in zip("abcdefgh", STACK, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", plane)
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.data, STACK)
    assert "its files have no numbers" in volume.notes[0]


def test_slices_in_colour_without_any_are_grey(tmp_path: Path) -> None:
    for z, plane in enumerate(STACK):
        Image.fromarray(plane).convert("RGB").save(tmp_path / f"s{z}.png")
    assert np.array_equal(read_volume(tmp_path).data, STACK)
    red = np.stack([STACK[3], STACK[3] // 2, STACK[3]], -1)
    Image.fromarray(red).save(tmp_path / "s3.png")
    with pytest.raises(ValueError, match=r"s3\.png: slices must be grey"):
        read_volume(tmp_path)


def test_labels_come_from_a_folder_too(tmp_path: Path) -> None:
    for z, plane in enumerate(STACK):
        picture = Image.fromarray(plane, "L").convert("P")
        picture.putdata(plane.ravel().tolist())
        picture.putpalette(np.random.default_rng(1).integers(0, 255, 768).tolist())
        picture.save(tmp_path / f"s{z}.png")
    assert np.array_equal(read_labels(tmp_path), STACK)


def test_images_of_other_kinds_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.svs", "b.jp2", "c.npz", "d.dcm", "._e.svs", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"holds 4 files of other kinds \(a\.svs, b\.jp2"):
        list_images(tmp_path)
    tifffile.imwrite(tmp_path / "s.tif", STACK[0])
    (said,) = left_out(tmp_path)
    assert "left out 4 files of other kinds (a.svs, b.jp2, c.npz, ...)" in said
    (tmp_path / "s.tif").write_bytes(b"")
    with pytest.raises(ValueError, match=r"s\.tif"):
        segment(tmp_path, tmp_path / "out", diameter=20)
    assert "left out 4 files" in capsys.readouterr().err


def test_what_macos_leaves_behind_is_no_slice(tmp_path: Path) -> None:
    (_fill(tmp_path) / "._s000.tif").write_bytes(b"\x00\x05\x16\x07" + bytes(60))
    assert np.array_equal(read_volume(tmp_path).data, STACK)
    with pytest.raises(ValueError, match=r"\._s000\.tif: is a companion file of macOS"):
        read_volume(tmp_path / "._s000.tif")
