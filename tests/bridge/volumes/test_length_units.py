"""Units of length, and the tags in which microscopes and programs record a voxel size."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from particlebridge.bridge.volumes.images import read_image
from particlebridge.bridge.volumes.length_units import is_strange, to_micrometres
from particlebridge.bridge.volumes.reading import read_volume
from particlebridge.bridge.volumes.voxel_size import Ratio, parse_voxel_size
from particlebridge.bridge.volumes.writing import write_labels

STACK = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)
FEI, ZEISS, SIS = 34682, 34118, 33560


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("um", 1), ("\u00b5m", 1), ("\u03bcm", 1), ("\\u00B5m", 1), ("\u00c2\u00b5m", 1),
        ("micron", 1), ("Microns", 1), ("micrometers", 1), ("micrometres", 1), ("nm", 1e-3),
        ("nanometers", 1e-3), (" nanometre ", 1e-3), ("pm", 1e-6), ("picometer", 1e-6),
        ("\u00c5", 1e-4), ("\u212b", 1e-4), ("Angstroms", 1e-4), ("mm", 1e3), ("millimetres", 1e3),
        ("cm", 1e4), ("m", 1e6), ("metres", 1e6), ("in", 25400), ("inches", 25400), ("mil", 25.4),
        ("um.", 1), ("km", 1e9),
    ],
)  # fmt: skip
def test_a_unit_of_length(unit: str, factor: float) -> None:
    assert to_micrometres(2.0, unit) == pytest.approx(2 * factor)
    assert not is_strange(unit)


@pytest.mark.parametrize("unit", ["", "pixel", "Pixels", "px", "voxels", "slice"])
def test_pixels_are_no_length_and_not_strange(unit: str) -> None:
    assert to_micrometres(2.0, unit) is None
    assert not is_strange(unit)


def _imagej(path: Path, lines: str, resolution: tuple[float, float] = (2, 2)) -> None:
    text = f"ImageJ=1.53t\nimages=4\nslices=4\n{lines}\nloop=false\n"
    with tifffile.TiffWriter(path) as tif:
        for z, page in enumerate(STACK):
            tif.write(page, contiguous=False, metadata=None, resolution=resolution,
                      description=None if z else text)  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "spacing"),
    [
        ("unit=micron\nyunit=micron\nzunit=nm\nspacing=500.0", (0.5, 0.5, 0.5)),
        ("unit=nm\nyunit=micron\nzunit=mm\nspacing=0.001", (1, 0.5, 0.0005)),
        ("unit=micrometers\nspacing=0.5", (0.5, 0.5, 0.5)),
        ("unit=inches\nspacing=1", (25400, 12700, 12700)),
        ("unit=um\nspacing=-0.5", (0.5, 0.5, 0.5)),
    ],
)
def test_imagej_may_have_a_unit_for_each_axis(
    lines: str, spacing: tuple[float, float, float], tmp_path: Path
) -> None:
    _imagej(tmp_path / "a.tif", lines)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.spacing == pytest.approx(spacing)
    assert volume.spacing_from == "metadata"


def test_a_unit_that_nobody_knows_is_named(tmp_path: Path) -> None:
    _imagej(tmp_path / "a.tif", "unit=furlong\nspacing=0.5")
    volume = read_volume(tmp_path / "a.tif")
    assert volume.spacing_from == "unknown"
    assert f"{tmp_path / 'a.tif'}: records a voxel size in 'furlong'" in volume.notes[0]
    assert read_volume(tmp_path / "a.tif", (1, 1, 1)).notes == ()


def test_pixels_as_unit_are_not_worth_a_word(tmp_path: Path) -> None:
    _imagej(tmp_path / "a.tif", "unit=pixel\nspacing=1", (1, 1))
    volume = read_volume(tmp_path / "a.tif")
    assert (volume.spacing_from, volume.notes) == ("unknown", ())


@pytest.mark.parametrize(
    ("lines", "resolution", "sides"),
    [
        ("unit=pixel\nspacing=3", (1, 1), (3, 1, 1)),
        ("unit=pixels\nspacing=0.5", (2, 1), (1, 2, 1)),
        # ImageJ leaves out a step of 1.
        ("unit=pixel", (2, 2), (2, 1, 1)),
    ],
)
def test_sides_in_pixels_are_a_ratio(
    lines: str, resolution: tuple[int, int], sides: tuple[float, ...], tmp_path: Path
) -> None:
    _imagej(tmp_path / "a.tif", lines, resolution)
    volume = read_volume(tmp_path / "a.tif")
    assert (volume.spacing_from, volume.spacing) == ("ratio", sides)


@pytest.mark.parametrize("labels", [STACK.astype(np.uint8), STACK.astype(np.int32) + 70_000])
@pytest.mark.parametrize("size", [None, Ratio((1.0, 3.0, 2.0))])
def test_labels_of_no_known_size_claim_none(
    labels: np.ndarray, size: Ratio | None, tmp_path: Path
) -> None:
    """As ImageJ TIFF and, beyond 16 bit, as OME-TIFF."""
    write_labels(tmp_path / "a.tif", labels, size)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        text = (tif.ome_metadata or tif.pages.first.description).lower()
        assert tif.is_ome == (labels.max() > 65535)
    assert not re.search(r"micron|micrometer|µ|\\u00b5|unit=um", text)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.spacing_from == ("unknown" if size is None else "ratio")
    assert volume.spacing == pytest.approx((1, 1, 1) if size is None else size.sides)


def test_an_image_in_pixels_has_no_pixel_size(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", STACK[0], Ratio((1.0, 3.0, 2.0)))
    assert read_image(tmp_path / "a.tif").pixel_size is None


@pytest.mark.parametrize(("unit", "size"), [("pm", 7e-5), ("in", 1778000.0), ("\u00c5", 0.007)])
def test_ome_units(unit: str, size: float, tmp_path: Path) -> None:
    sizes: dict[str, Any] = {f"PhysicalSize{a}": 70 for a in "XYZ"}
    units = {f"PhysicalSize{a}Unit": unit for a in "XYZ"}
    tifffile.imwrite(
        tmp_path / "a.ome.tif", STACK, ome=True, metadata={"axes": "ZYX", **sizes, **units}
    )
    assert read_volume(tmp_path / "a.ome.tif").spacing == pytest.approx((size,) * 3)


def test_fei_records_its_pixel_size_and_data_bar(tmp_path: Path) -> None:
    text = (
        "[Scan]\r\nPixelWidth=6.5e-09\r\nPixelHeight=7e-09\r\n[Image]\r\nResolutionX=300\r\n"
        "ResolutionY=270\r\n[PrivateFei]\r\nDatabarHeight=30\r\n"
    )
    grey = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", grey, metadata=None, extratags=[(FEI, 2, 0, text, True)])
    image = read_image(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx((0.007, 0.0065))
    assert image.bar == 30
    assert np.array_equal(image.sample, grey[:270])
    assert np.array_equal(image.data, grey)


@pytest.mark.parametrize(
    ("value", "size"), [("12.5 nm", 0.0125), ("1.2 \u00b5m", 1.2), ("3.0 pm", 3e-6)]
)
def test_zeiss_records_its_pixel_size(value: str, size: float, tmp_path: Path) -> None:
    lines = ["0", "0", "0", "1.5e-8", "AP_PIXEL_SIZE", "Pixel Size = 99 nm",
             "AP_IMAGE_PIXEL_SIZE", f"Image Pixel Size = {value}", ""]  # fmt: skip
    text = "\r\n".join(lines).encode("latin-1")
    tag = (ZEISS, 2, len(text) + 1, text + b"\0", True)
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], metadata=None, extratags=[tag])
    image = read_image(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx((size, size))


def test_olympus_records_its_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    head = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 0, 0, 1, 1, 120, b"a", 1)
    block = struct.pack("<10xhdd8xd2x34s32s", -9, 65.0, 70.0, 100.0, b"", b"")
    content = head + struct.pack("<hhI", 1, 1, 0) + block
    tifffile.imwrite(path, STACK[0], metadata=None, byteorder="<",
                     extratags=[(SIS, 7, len(content), content, True)])  # fmt: skip
    raw = bytearray(path.read_bytes())
    at = raw.index(b"SIS0")
    raw[at + 64 : at + 68] = (at + 68).to_bytes(4, "little")
    path.write_bytes(raw)
    assert read_image(path).pixel_size == pytest.approx((0.07, 0.065))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.07", (0.07, 0.07, 0.07)),
        ("0.1,0.07,0.07um", (0.1, 0.07, 0.07)),
        ("0.1, 0.07, 0.07 \u03bcm", (0.1, 0.07, 0.07)),
        ("100,70,70nm", (0.1, 0.07, 0.07)),
        ("7e-2 microns", (0.07, 0.07, 0.07)),
    ],
)
def test_a_voxel_size_may_bear_its_unit(text: str, size: tuple[float, float, float]) -> None:
    assert parse_voxel_size(text) == pytest.approx(size)


@pytest.mark.parametrize("text", ["", "um", "1,2", "-1", "0", "1 furlong", "nan", "1,2,3,4"])
def test_what_is_no_voxel_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="voxel size"):
        parse_voxel_size(text)
