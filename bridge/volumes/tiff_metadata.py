"""Voxel size and data bar as writers of TIFF record them: ImageJ, OME, electron microscopes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tifffile
from defusedxml import ElementTree
from particlebridge.analysis.io.errors import shown

from .length_units import is_pixel, is_strange, to_micrometres
from .voxel_size import Recorded


class Sizes(NamedTuple):
    """What a file records of its voxel size.

    Attributes
    ----------
    recorded
        (z, y, x) in micrometres; None: nothing usable.
    notes
        What it may mean, one sentence each.
    has_unit
        False if the numbers have no unit of length and tell only the ratio of the sides.
    """

    recorded: Recorded | None
    notes: tuple[str, ...] = ()
    has_unit: bool = True


def spacing_of(tif: tifffile.TiffFile, path: Path) -> Sizes:
    """Read the (Z, Y, X) voxel size in micrometres that a microscope, ImageJ or OME records.

    Plain TIFF resolution tags are print settings more often than microscopy and are not trusted.

    Parameters
    ----------
    tif
        An open TIFF.
    path
        Its file, for messages.

    Returns
    -------
    Sizes
        None where nothing usable is recorded; z is None where only the pixel size is. ImageJ
        does not write a z step that is 1 in its unit, as it is where nobody set it. Sides in
        pixels that differ are a ratio.
        The notes name units that are not known.
    """
    if tif.is_ome and tif.ome_metadata:
        return _ome_spacing(tif.ome_metadata, path)
    if tif.is_imagej:
        return _imagej_spacing(tif, path)
    lengths = _microscope_lengths(tif)
    return _sizes(lengths, path) if lengths else Sizes(None)


def data_bar_of(tif: tifffile.TiffFile) -> int:
    """Read how many of the lowest rows are a microscope's data bar: text, no picture; 0: none.

    FEI and Thermo Fisher record the height of the picture, or of the bar, beside their pixels.
    """
    fei = tif.fei_metadata or {}
    height = tif.pages.first.imagelength
    picture = _section(fei, "Image").get("ResolutionY")
    bar = _section(fei, "PrivateFei").get("DatabarHeight")
    for rows in (bar, height - picture if isinstance(picture, int) else None):
        if isinstance(rows, int) and 0 < rows < height // 2:
            return rows
    return 0


_Lengths = dict[str, tuple[float, str]]
"""Axis -> its length and unit."""


def _sizes(lengths: _Lengths, path: Path) -> Sizes:
    """Bring lengths to micrometres; a unit that is not known is named."""
    if all(is_pixel(unit) for _, unit in lengths.values()):
        # A step that is not recorded is one pixel.
        sides = [to_micrometres(lengths.get(axis, (1.0, ""))[0], "um") for axis in "ZYX"]
        z, y, x = sides
        if z is None or y is None or x is None or z == y == x:
            return Sizes(None)
        return Sizes((z, y, x), has_unit=False)
    strange = {unit for _, unit in lengths.values() if is_strange(unit)}
    notes = tuple(
        f"{path}: records a voxel size in '{shown(unit, 20)}', which is no unit of length known "
        "here (give --voxel-size)"
        for unit in sorted(strange)
    )
    z, y, x = (to_micrometres(*lengths.get(axis, (0.0, ""))) for axis in "ZYX")
    return Sizes(None if y is None or x is None else (z, y, x), notes)


def _imagej_spacing(tif: tifffile.TiffFile, path: Path) -> Sizes:
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    unit = str(metadata.get("unit", ""))
    units = {"X": unit, **{a: str(metadata.get(f"{a.lower()}unit", unit)) for a in "YZ"}}
    tags = tif.pages.first.tags
    lengths: _Lengths = {}
    for name, axis in (("YResolution", "Y"), ("XResolution", "X")):
        value = tags.valueof(name)
        if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
            return Sizes(None)
        lengths[axis] = (value[1] / value[0], units[axis])
    step = metadata.get("spacing")
    if isinstance(step, (int, float)):
        lengths["Z"] = (abs(float(step)), units["Z"])
    return _sizes(lengths, path)


def _ome_spacing(xml: str, path: Path) -> Sizes:
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return Sizes(None)
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return Sizes(None)
    lengths: _Lengths = {}
    for axis in "ZYX":
        number = _number(pixels.get(f"PhysicalSize{axis}"))
        if number is not None:
            lengths[axis] = (number, pixels.get(f"PhysicalSize{axis}Unit", "um"))
    return _sizes(lengths, path)


def _microscope_lengths(tif: tifffile.TiffFile) -> _Lengths:
    """Read pixel sizes that electron and light microscopes keep in tags of their own."""
    found: dict[str, tuple[Any, str]] = {}
    if fei := tif.fei_metadata:
        for name in ("Scan", "EScan", "IScan"):
            scan = _section(fei, name)
            found = found or {
                axis: (scan[key], "m")
                for axis, key in (("Y", "PixelHeight"), ("X", "PixelWidth"))
                if key in scan
            }
    elif zeiss := tif.sem_metadata:
        # (name, value, unit); the second is of the scan, which may be stored reduced.
        entry = zeiss.get("ap_image_pixel_size") or zeiss.get("ap_pixel_size") or ()
        if isinstance(entry, tuple) and len(entry) == 3:
            found = dict.fromkeys("YX", (entry[1], str(entry[2])))
    elif sis := tif.sis_metadata:
        found = {axis: (sis.get(f"pixelsize{axis.lower()}"), "m") for axis in "YX"}
    elif lsm := tif.lsm_metadata:
        found = {axis: (lsm.get(f"VoxelSize{axis}"), "m") for axis in "ZYX"}
    numbers = {axis: (_number(value), unit) for axis, (value, unit) in found.items()}
    return {axis: (value, unit) for axis, (value, unit) in numbers.items() if value is not None}


def _section(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = metadata.get(name)
    return section if isinstance(section, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
