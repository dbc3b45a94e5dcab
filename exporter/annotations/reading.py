"""Hand-drawn annotations in any of the field's formats, as labels."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge.analysis.io.errors import check_stand_in, reason, shown
from particlebridge.analysis.io.images import IMAGE_SUFFIXES

from .coco import drawings_of_coco
from .geojson import regions_of_geojson
from .image_names import find_image
from .imagej_rois import read_rois
from .label_images import read_label_image
from .labelme import drawing_of_labelme
from .rasterize import paint, rasterize
from .regions import Drawing, Region, Remark, summarise
from .via import read_csv, regions_of_csv, regions_of_project
from .via3 import is_header3, regions_of_csv3, regions_of_project3

ANNOTATION_SUFFIXES = (".json", ".geojson", ".csv", ".zip", ".roi")
_MOST_BYTES = 1 << 29


@dataclass(frozen=True, eq=False)
class Annotations:
    """What somebody drew on one image.

    Attributes
    ----------
    labels
        (H, W) int32, or (N, H, W) for a stack; 0 background, negative where nobody annotated.
    table
        One row per label: label, region (number in the file), shape, area in pixels, position
        (slice from 1; 0: none) and the regions' attributes.
    problems
        One sentence for each kind of fault or assumption, naming file and regions: without
        area, hidden, crossing itself, an open line taken as closed.
    """

    labels: np.ndarray
    table: pd.DataFrame
    problems: tuple[str, ...]


def read_annotations(
    path: str | os.PathLike[str], shape: tuple[int, ...] | None = None, *, image: str | None = None
) -> Annotations:
    """Read annotations as labels.

    Parameters
    ----------
    path
        A project of the VGG Image Annotator 1, 2 or 3 or its JSON or CSV export, COCO, GeoJSON
        (QuPath), LabelMe JSON, an ImageJ .roi or RoiSet.zip, or a label image (TIFF, PNG).
    shape
        (H, W) of the image, or (N, H, W) of a stack whose regions carry a slice position. Needed
        by all but label images, which are checked against it.
    image
        Path or file name of the image, for files that annotate several.

    Returns
    -------
    Annotations
        Painted as `rasterize` says: a pixel belongs to the region that holds its centre, the
        smaller region wins where regions overlap, what lies off the image is clipped.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, unsafe or of another kind, `image` is not in it or was of
        another size, or `shape` is missing or wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.exporter import read_annotations, write_via
    >>> labels = np.zeros((8, 8), np.int32)
    >>> labels[1:4, 1:4], labels[5:7, 2:6] = 1, 2
    >>> write_via({"slice.png": labels}, "via.json")
    2
    >>> read = read_annotations("via.json", (8, 8), image="slice.png")
    >>> read.table["area"].tolist(), read.problems
    ([9, 8], ())
    """
    path = Path(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        labels, notes = read_label_image(path)
        if shape is not None and labels.shape != tuple(shape):
            raise ValueError(f"{path} has shape {labels.shape} and its image {tuple(shape)}")
        present, areas = np.unique(labels[labels > 0], return_counts=True)
        return Annotations(labels, pd.DataFrame({"label": present, "area": areas}), tuple(notes))
    by_image, notes = read_drawings(path)
    names = ", ".join(shown(name) for name in list(by_image)[:5])
    if not by_image:
        raise ValueError(f"{path} annotates no image; save the annotations again")
    if image is None and len(by_image) > 1:
        raise ValueError(f"{path} annotates {len(by_image)} images ({names}); say which")
    name = next(iter(by_image)) if image is None else find_image(by_image, image)
    if name is None:
        raise ValueError(f"{path} does not annotate {image}; it knows {names}")
    if shape is None:
        raise ValueError(f"{path} does not tell how large the image is; give its shape")
    drawing = by_image[name]
    labels, table, remarks = annotate(drawing, shape, path, shown(name))
    total = len({region.number for region in drawing.regions})
    return Annotations(labels, table, (*notes, *summarise(remarks, str(path), total)))


def read_drawings(path: str | os.PathLike[str]) -> tuple[dict[str, Drawing], list[str]]:
    """Read the regions of an annotation file, label images aside.

    Parameters
    ----------
    path
        As `read_annotations`.

    Returns
    -------
    drawings : dict
        By image file name; the name is "" in formats that do not tell it.
    notes : list of str
        What concerns no image.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_annotations`.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in ANNOTATION_SUFFIXES:
        raise ValueError(
            f"{path} is not an annotation file; give a VIA project (.json, .csv), COCO, GeoJSON, "
            "LabelMe (.json), ImageJ regions (.zip, .roi), or a label image (.tif, .png)"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path of the annotations")
    check_stand_in(path)
    if suffix in (".zip", ".roi"):
        return {"": Drawing(read_rois(path))}, []
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is {path.stat().st_size:,} bytes long, which no annotation is")
    if suffix == ".csv":
        rows = read_csv(path)
        csv3 = any(is_header3(row) for row in rows)
        return _drawings((regions_of_csv3 if csv3 else regions_of_csv)(rows, path)), []
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({reason(error)}); save it again") from error
    if not entries or not isinstance(entries, dict | list):
        raise ValueError(f"{path} holds no annotations; save the VIA project or GeoJSON again")
    return _drawings_of_json(entries, path)


def _drawings_of_json(entries: Any, path: Path) -> tuple[dict[str, Drawing], list[str]]:
    """Tell the kind of a JSON file by what only this kind has, and read it."""
    if isinstance(entries, list):
        _refuse_lists(entries, path)
        return {"": Drawing(regions_of_geojson(entries, path))}, []
    if "shapes" in entries:
        return {"": drawing_of_labelme(entries, path)}, []
    if "_via_img_metadata" in entries:
        return _drawings(regions_of_project(entries, path)), []
    if "images" in entries and "annotations" in entries:
        return drawings_of_coco(entries, path)
    if "metadata" in entries and "view" in entries and "file" in entries:
        return _drawings(regions_of_project3(entries, path)), []
    if "type" in entries:
        return {"": Drawing(regions_of_geojson(entries, path))}, []
    return _drawings(regions_of_project(entries, path)), []


def _refuse_lists(entries: list[Any], path: Path) -> None:
    """Name the lists that are no GeoJSON."""
    first = entries[0]
    if not isinstance(first, dict):
        return
    if "image_id" in first and ("segmentation" in first or "bbox" in first):
        raise ValueError(
            f"{path} holds COCO results, which do not name their images; give a COCO file with "
            "images and annotations"
        )
    if "annotations" in first or "completions" in first:
        raise ValueError(
            f"{path} is an export of Label Studio or of another program in its own JSON; export "
            "COCO from there"
        )


def _drawings(regions: dict[str, list[Region]]) -> dict[str, Drawing]:
    return {name: Drawing(each) for name, each in regions.items()}


def annotate(
    drawing: Drawing, shape: tuple[int, ...], path: Path, image: str
) -> tuple[np.ndarray, pd.DataFrame, list[Remark]]:
    """Paint one image's regions, or those of a stack by their slice positions.

    Parameters
    ----------
    drawing
        As `read_drawings` gives it.
    shape
        (H, W) or (N, H, W).
    path, image
        File and name of the image (or ""), for messages.

    Returns
    -------
    labels, table
        See `Annotations`.
    remarks : list of Remark

    Raises
    ------
    ValueError
        If the image was of another size, if a region lies on a slice that the stack lacks or on
        none, or regions of several slices were drawn for one image.
    """
    source = f"{path}, image {image}" if image else str(path)
    if len(shape) not in (2, 3):
        raise ValueError(f"{source}: annotations need an image (H, W) or a stack, not {shape}")
    if drawing.size is not None and drawing.size != tuple(shape[-2:]):
        drawn, given = (f"{w} x {h}" for h, w in (drawing.size, shape[-2:]))
        raise ValueError(
            f"{source}: drawn on an image of {drawn} pixels, and the image has {given}; give "
            "the image that was annotated"
        )
    regions = drawing.regions
    positions = sorted({region.position for region in regions})
    if len(shape) == 2:
        if sum(position > 0 for position in positions) > 1:
            raise ValueError(
                f"{source}: its regions lie on {len(positions)} slices ({positions[0]} to "
                f"{positions[-1]}) and the image has one; give the stack"
            )
        return _annotate_slice(regions, (shape[0], shape[1]), image)
    for region in regions:
        if not 1 <= region.position <= shape[0]:
            place = f"slice {region.position}" if region.position else "no slice"
            raise ValueError(
                f"{source}: region {region.number} lies on {place} and the stack has {shape[0]}; "
                "give it its slice in the program it was drawn with (ImageJ's ROI Manager: "
                "Properties)"
            )
    stack = np.zeros(shape, np.int32)
    tables, remarks = [pd.DataFrame()], []
    for position in positions:
        here = [region for region in regions if region.position == position]
        labels, table, found = _annotate_slice(here, (shape[1], shape[2]), image)
        stack[position - 1] = labels
        tables.append(table)
        remarks += found
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    return stack, table, remarks


def _annotate_slice(
    regions: Sequence[Region], shape: tuple[int, int], image: str
) -> tuple[np.ndarray, pd.DataFrame, list[Remark]]:
    """Paint particles; where no particle is, mark what nobody annotated with -1."""
    particles = [region for region in regions if region.role == "particle"]
    labels, table, remarks = rasterize(particles, shape, image)
    frames = [region for region in regions if region.role == "frame"]
    crowds = [region for region in regions if region.role == "crowd"]
    left_out = paint(crowds, shape)
    outside = ""
    if frames:
        framed = paint(frames, shape)
        outlined = labels > 0
        # A frame that holds the lesser part of the particles does not tell what was annotated.
        if 2 * np.count_nonzero(outlined & framed) > np.count_nonzero(outlined):
            left_out |= ~framed
            outside = "; outside of frames nothing counts as annotated"
    labels[left_out & (labels == 0)] = -1
    remarks += [Remark(image, each.number, each.problem or each.remark, False) for each in crowds]
    remarks += [Remark(image, each.number, each.remark + outside, False) for each in frames]
    return labels, table, remarks
