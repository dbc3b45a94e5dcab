"""COCO: instances as polygons or run lengths, of many images in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import reason, shown

from .image_names import plain_path
from .regions import Bitmap, Drawing, Region, open_ring

_MOST_PIXELS = 1 << 31
_CROWD = "is a crowd, not one particle: its pixels count as not annotated"


def drawings_of_coco(
    entries: Mapping[str, Any], path: Path
) -> tuple[dict[str, Drawing], list[str]]:
    """Read the instances of a COCO file.

    Gives drawings by image file name, images without instances included, and notes on what
    concerns no image. Several polygons of one instance are its parts; one marked `iscrowd` is no
    particle. Nothing in the parsed file is trusted: ValueError if it is no such file, with image
    and region named.

    References
    ----------
    Lin et al., ECCV 2014; the data format is at cocodataset.org.
    """
    images, annotations = entries.get("images"), entries.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise ValueError(f"{path}: images or annotations of this COCO file is not a list")
    names: dict[str, str] = {}
    sizes: dict[str, tuple[int, int] | None] = {}
    for number, image in enumerate(images, start=1):
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            raise ValueError(f"{path}: image {number} has no file_name; export it again")
        name = plain_path(image["file_name"])
        if name in sizes:
            raise ValueError(f"{path}: two images are named {shown(name)}; rename one")
        names[str(image.get("id"))] = name
        sizes[name] = _size(image.get("height"), image.get("width"))
    if len(names) < len(images):
        raise ValueError(f"{path}: two images have the same id; export it again")
    classes = _classes(entries.get("categories"))
    regions: dict[str, list[Region]] = {name: [] for name in sizes}
    numbers = dict.fromkeys(sizes, 0)
    strays = 0
    for each in annotations:
        if not isinstance(each, dict):
            raise ValueError(f"{path}: an annotation is no object; export it again")
        name = names.get(str(each.get("image_id")), "")
        if not name:
            strays += 1
            continue
        numbers[name] += 1
        where = f"{path}, image {shown(name)}, region {numbers[name]}"
        if "segments_info" in each:
            raise ValueError(
                f"{where} is of COCO's panoptic kind, whose outlines are in PNG files; give "
                "those, or export instances"
            )
        attributes = {"class": classes.get(str(each.get("category_id")), "")}
        regions[name] += _instance(each, attributes, numbers[name], where)
    for name in names.values():
        sizes[name] = _checked_size(sizes[name], regions[name], f"{path}, image {shown(name)}")
    note = (
        f"{path}: {strays:,} of {len(annotations):,} annotations belong to images that the file "
        "does not list, and were left out."
    )
    drawings = {name: Drawing(regions[name], sizes[name]) for name in sizes}
    return drawings, [note] if strays else []


def _instance(
    each: Mapping[str, Any], attributes: dict[str, str], number: int, where: str
) -> list[Region]:
    """Make the regions of one annotation, a group if it has several polygons."""
    drawn = each.get("segmentation")
    if not drawn:
        problem = "has a bounding box or a point only, no outline"
        return [Region(number, "box", attributes=attributes, problem=problem)]
    crowd = each.get("iscrowd") in (1, True)
    try:
        if isinstance(drawn, dict):
            parts: list[dict[str, Any]] = [{"bitmap": _bitmap(drawn)}]
        else:
            # Some exporters leave out the list around a single polygon.
            polygons = drawn if isinstance(drawn[0], list) else [drawn]
            parts = [{"rings": (_ring(values),)} for values in polygons]
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise ValueError(f"{where}: its segmentation is damaged ({reason(error)})") from error
    return [
        Region(
            number,
            "rle" if isinstance(drawn, dict) else "polygon",
            attributes=attributes,
            role="crowd" if crowd else "particle",
            remark=_CROWD if crowd else "",
            group=str(number) if len(parts) > 1 else "",
            **part,
        )
        for part in parts
    ]


def _ring(values: Any) -> np.ndarray:
    ring = np.array([float(value) for value in values])
    if len(ring) % 2 or not np.isfinite(ring).all():
        raise ValueError("coordinates that make no points")
    return open_ring(ring.reshape(-1, 2)[:, ::-1])


def _bitmap(drawn: Mapping[str, Any]) -> Bitmap:
    size = drawn["size"]
    height, width = (int(size[0]), int(size[1]))
    counts = drawn["counts"]
    if height < 1 or width < 1 or height * width > _MOST_PIXELS:
        raise ValueError(f"a size of {height} x {width}")
    values = decoded(counts) if isinstance(counts, str) else [int(value) for value in counts]
    runs = np.array(values, np.int64)
    if runs.size == 0 or runs.min() < 0 or runs.max() > height * width:
        raise ValueError("runs of impossible length")
    if int(runs.sum()) != height * width:
        raise ValueError(f"runs of {int(runs.sum()):,} pixels for {height} x {width}")
    return Bitmap(0, 0, height, width, runs)


def decoded(text: str) -> list[int]:
    """Decode COCO's compressed run lengths.

    Parameters
    ----------
    text
        Characters from "0" on, each with five bits of a number, low ones first, and a sixth that
        tells whether more follow; the highest bit of the last is the sign. From the fourth
        number on it is the difference to the number two before.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If the text ends within a number or holds another character.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("a character that is no run length")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("run lengths that are cut short")
    return counts


def _size(height: Any, width: Any) -> tuple[int, int] | None:
    """Return a size that the file tells; exporters write 0, -1 or null for an unknown one."""
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def _checked_size(
    size: tuple[int, int] | None, regions: list[Region], where: str
) -> tuple[int, int] | None:
    """Return the size that all run lengths of an image agree on."""
    for region in regions:
        if region.bitmap is not None:
            own = region.bitmap.height, region.bitmap.width
            size = size or own
            if own != size:
                raise ValueError(
                    f"{where}, region {region.number}: its run lengths are of {own[1]} x {own[0]} "
                    f"pixels, and the image has {size[1]} x {size[0]}; export it again"
                )
    return size


def _classes(categories: Any) -> dict[str, str]:
    if not isinstance(categories, list):
        return {}
    return {str(c.get("id")): str(c.get("name", "")) for c in categories if isinstance(c, dict)}
