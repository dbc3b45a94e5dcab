"""Axes and voxel size as TIFF writers of the field record them: ImageJ, OME and plain."""

from typing import Any

import tifffile
from defusedxml import ElementTree

from .voxel_size import Recorded, to_micrometres


def spacing_of(tif: tifffile.TiffFile) -> Recorded | None:
    """Read the (Z, Y, X) voxel size in micrometres that an ImageJ or OME-TIFF records.

    Plain TIFF resolution tags are print settings more often than microscopy and are not trusted.

    Parameters
    ----------
    tif
        An open TIFF.

    Returns
    -------
    tuple or None
        None where nothing usable is recorded; z is None where only the pixel size is. ImageJ
        does not write a distance of slices that is 1 in its unit, as it is where nobody set it.
    """
    if tif.is_ome and tif.ome_metadata:
        return _ome_spacing(tif.ome_metadata)
    if tif.is_imagej:
        return _imagej_spacing(tif)
    return None


def _imagej_spacing(tif: tifffile.TiffFile) -> Recorded | None:
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    unit = str(metadata.get("unit", ""))
    tags = tif.pages.first.tags
    sizes = []
    for name in ("YResolution", "XResolution"):
        value = tags.valueof(name)
        if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
            return None
        sizes.append(to_micrometres(value[1] / value[0], unit))
    y, x = sizes
    if y is None or x is None:
        return None
    step = metadata.get("spacing")
    z = to_micrometres(float(step), unit) if isinstance(step, (int, float)) else None
    return (z, y, x)


def _ome_spacing(xml: str) -> Recorded | None:
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    sizes: dict[str, float | None] = {}
    for axis in "ZYX":
        text = pixels.get(f"PhysicalSize{axis}")
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm")
        try:
            sizes[axis] = to_micrometres(float(text), unit) if text else None
        except ValueError:
            sizes[axis] = None
    y, x = sizes["Y"], sizes["X"]
    if y is None or x is None:
        return None
    return (sizes["Z"], y, x)
