"""TIFF as writers other than ours leave it: which pages are the volume, and what is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from particlebridge.analysis.io.pixels import read_pixels
from particlebridge.bridge.volumes.images import is_image_stack, read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import open_volume, read_volume

REAL = Path(__file__).parents[4] / "shared" / "data" / "real"
STACK = np.arange(8 * 40 * 40, dtype=np.uint16).reshape(8, 40, 40)


def _pages(path: Path, *pages: np.ndarray, **options: Any) -> None:
    """Write pages that know nothing of each other."""
    with tifffile.TiffWriter(path) as tif:
        for page in pages:
            tif.write(page, contiguous=False, metadata=None, photometric="minisblack", **options)


def _described(path: Path) -> None:
    for page in STACK:
        tifffile.imwrite(path, page, append=True, photometric="minisblack")


def _packed_in_two_ways(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        for z, page in enumerate(STACK):
            packing = "zlib" if z % 2 else None
            tif.write(page, contiguous=False, metadata=None, compression=packing)


def _preview_first(path: Path) -> None:
    _pages(path, (STACK[0, ::4, ::4] >> 8).astype(np.uint8), *STACK)


def _preview_last(path: Path) -> None:
    _pages(path, *STACK, (STACK[3, ::4, ::4] >> 8).astype(np.uint8))


def _marked_preview(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        tif.write(STACK, metadata={"axes": "ZYX"}, photometric="minisblack")
        tif.write(STACK[0, ::3, ::2], subfiletype=1)


def _pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        tif.write(STACK, subifds=1, tile=(16, 16), metadata={"axes": "ZYX"})
        tif.write(STACK[:, ::2, ::2], subfiletype=1, tile=(16, 16))


def _unmarked_pyramid(path: Path) -> None:
    _pages(path, *STACK, *STACK[:, ::2, ::2], *STACK[:, ::4, ::4])


def _imagej_channels(path: Path) -> None:
    tifffile.imwrite(path, STACK, imagej=True)


def _big_endian(path: Path) -> None:
    tifffile.imwrite(path, STACK, byteorder=">", bigtiff=True, photometric="minisblack")


def _grey_and_alpha(path: Path) -> None:
    both = np.stack([STACK, np.full_like(STACK, 65535)], -1)
    tifffile.imwrite(
        path, both, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]
    )


def _grey_in_colour(path: Path) -> None:
    tifffile.imwrite(path, np.stack([STACK] * 3, -1), photometric="rgb")


def _volumetric(path: Path) -> None:
    tifffile.imwrite(path, STACK, volumetric=True, tile=(16, 16, 16), compression="zlib")


WHOLE: list[tuple[Callable[[Path], None], str | None]] = [
    (_described, None),
    (_packed_in_two_ways, None),
    (_preview_first, "1 image of 10 x 10 uint8 left out; taken for previews"),
    (_preview_last, "1 image of 10 x 10 uint8 left out; taken for previews"),
    (_marked_preview, "1 image of 14 x 20 uint16 left out; the file marks them"),
    (_pyramid, None),
    (_unmarked_pyramid, None),
    (_imagej_channels, "its 8 channels are taken for slices"),
    (_big_endian, None),
    (_grey_and_alpha, None),
    (_grey_in_colour, None),
    (_volumetric, None),
]


@pytest.mark.parametrize(("make", "note"), WHOLE)
def test_all_slices_are_read(
    make: Callable[[Path], None], note: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    make(path)
    assert is_image_stack(path)
    volume = read_volume(path)
    assert np.array_equal(volume.data, STACK)
    assert np.array_equal(open_volume(path).data[5], STACK[5])
    if note is not None:
        assert any(note in told and told.startswith(str(path)) for told in volume.notes)
    if make not in (_grey_in_colour, _grey_and_alpha):
        assert np.array_equal(read_labels(path), STACK)
        assert np.array_equal(read_pixels(path), STACK)


def _depth_changes(path: Path) -> None:
    _pages(path, *STACK[:5], *STACK[5:].astype(np.uint8))


def _one_odd_page(path: Path) -> None:
    # tifffile looks at pages 1, 2, 8 and the last; page 4 came out as noise.
    _pages(path, *STACK[:3], STACK[3].astype(np.uint8), *STACK[4:], *STACK)


def _size_changes(path: Path) -> None:
    _pages(path, *STACK[:5], *STACK[5:, :38, :38])


def _two_stacks(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        for _ in range(2):
            tif.write(STACK, photometric="minisblack", contiguous=False)


def _fields_of_view(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as tif:
        for page in STACK[:3]:
            tif.write(page, photometric="minisblack")


def _appended(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, STACK[:5], metadata={"axes": "ZYX"}, **options)
    for page in STACK[5:]:
        with tifffile.TiffWriter(path, append="force") as tif:
            tif.write(page, metadata=None, photometric="minisblack")


def _imagej_appended(path: Path) -> None:
    _appended(path, imagej=True)


def _ome_appended(path: Path) -> None:
    _appended(path, ome=True)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_depth_changes, "5 images of 40 x 40 uint16, 3 of 40 x 40 uint8"),
        (_one_odd_page, "15 images of 40 x 40 uint16, 1 of 40 x 40 uint8"),
        (_size_changes, "5 images of 40 x 40 uint16, 3 of 38 x 38 uint16"),
        (_two_stacks, "16 images of 40 x 40 uint16"),
        (_fields_of_view, "3 images of 40 x 40 uint16"),
        (_imagej_appended, "its description lists 5 images, but it holds 8"),
        (_ome_appended, "its description lists 5 images, but it holds 8"),
    ],
)
def test_pages_that_are_no_volume_are_refused(
    make: Callable[[Path], None], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    make(path)
    for read in (read_volume, read_labels, read_image, read_pixels):
        with pytest.raises(ValueError, match=sentence) as caught:
            read(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


def _ome_of_files(folder: Path, packing: str | None) -> Path:
    """An OME-TIFF in a file for each slice, as microscopes write it."""
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="s{z}.ome.tif">'
        f"urn:uuid:{z}</UUID></TiffData>"
        for z in range(8)
    )
    for z, page in enumerate(STACK):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{z}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
            'SizeX="40" SizeY="40" SizeC="1" SizeZ="8" SizeT="1">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            folder / f"s{z}.ome.tif", page, description=xml, metadata=None, compression=packing
        )
    return folder / "s0.ome.tif"


@pytest.mark.parametrize("packing", [None, "zlib"])
def test_an_ome_tiff_in_several_files(packing: str | None, tmp_path: Path) -> None:
    path = _ome_of_files(tmp_path, packing)
    assert np.array_equal(read_volume(path).data, STACK)
    assert np.array_equal(open_volume(path).data[6], STACK[6])
    (tmp_path / "s4.ome.tif").unlink()
    with pytest.raises(ValueError, match="page 5 is missing"):
        read_volume(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.uint32, bool])
def test_any_real_number_is_read(dtype: type, tmp_path: Path) -> None:
    values = (STACK % 2).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    read = read_volume(tmp_path / "a.tif").data
    assert read.dtype == values.dtype
    assert np.array_equal(read, values)
    assert np.array_equal(read_labels(tmp_path / "a.tif"), STACK % 2)


def test_an_image_and_its_preview_are_an_image(tmp_path: Path) -> None:
    _pages(tmp_path / "a.tif", STACK[0, ::4, ::4], STACK[0])
    assert not is_image_stack(tmp_path / "a.tif")
    image = read_image(tmp_path / "a.tif")
    assert np.array_equal(image.data, STACK[0])
    assert "left out" in image.notes[0]


def test_white_is_zero_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="miniswhite")
    volume = read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.data, STACK)
    assert "shows 0 as white" in volume.notes[0]


@pytest.mark.parametrize("shape", [(40, 40, 3), (5, 40, 40, 3)])
def test_colours_are_no_labels(shape: tuple[int, ...], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full(shape, 255, np.uint8), photometric="rgb")
    with pytest.raises(ValueError, match="labels must have one channel, and these have 3"):
        read_labels(tmp_path / "a.tif")


def test_a_volume_in_colour_is_refused(tmp_path: Path) -> None:
    colour = np.stack([STACK, STACK, STACK + 1], -1)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    with pytest.raises(ValueError, match="has 3 channels; a volume must have one"):
        read_volume(tmp_path / "a.tif")


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/real is not here")
@pytest.mark.parametrize(
    ("name", "slices"), [("EGFP_d0_flt32_108.tif", 23), ("mCherry_d0_flt32_16.tif", 20)]
)
def test_real_slices_with_a_description_each(name: str, slices: int) -> None:
    volume = read_volume(REAL / "organoids3d" / name)
    assert len(volume.data) == slices
    with tifffile.TiffFile(REAL / "organoids3d" / name) as tif:
        assert all(
            np.array_equal(plane, page.asarray())
            for plane, page in zip(volume.data, tif.pages, strict=True)
        )
    assert read_labels(REAL / "organoids3d" / f"mask_{name}").shape == volume.data.shape
