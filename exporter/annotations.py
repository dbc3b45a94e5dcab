"""Hand-drawn annotations in any of the field's formats, as labels."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis.bad_files import reason, shown
from particlebridge.analysis.image_files import IMAGE_SUFFIXES

from .geojson import regions_of_geojson, regions_of_labelme
from .imagej_rois import read_rois
from .rasterize import Region, rasterize
from .training_images import read_pixels
from .via import regions_of_csv, regions_of_project

ANNOTATION_SUFFIXES = (".json", ".geojson", ".csv", ".zip", ".roi")
_MOST_BYTES = 1 << 29


@dataclass(frozen=True, eq=False)
class Annotations:
    """What somebody drew on one image.

    Attributes
    ----------
    labels
        (H, W) int32, or (N, H, W) for a stack; 0 background.
    table
        One row per label: label, region (number in the file), shape, area in pixels, position
        (slice from 1; 0: none) and the regions' attributes.
    problems
        One sentence for each region without area, hidden or crossing itself, naming file and
        region.
    """

    labels: np.ndarray
    table: pd.DataFrame
    problems: tuple[str, ...]


def read_annotations(
    path: str | os.PathLike[str],
    shape: tuple[int, ...] | None = None,
    *,
    image: str | None = None,
) -> Annotations:
    """Read annotations as labels.

    Parameters
    ----------
    path
        A VGG Image Annotator project or its JSON or CSV export, an ImageJ .roi or RoiSet.zip,
        GeoJSON (QuPath), LabelMe JSON, or a label image (TIFF, PNG).
    shape
        (H, W) of the image, or (N, H, W) of a stack whose regions carry a slice position. Needed
        by all but label images, which are checked against it.
    image
        File name of the image, for files that annotate several.

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
        If the file is damaged, hostile or of another kind, `image` is not in it, or `shape` is
        missing or wrong.
    """
    path = Path(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        labels = _label_image(path)
        if shape is not None and labels.shape != tuple(shape):
            raise ValueError(f"{path} has shape {labels.shape} and its image {tuple(shape)}")
        present, areas = np.unique(labels[labels > 0], return_counts=True)
        return Annotations(labels, pd.DataFrame({"label": present, "area": areas}), ())
    by_image = read_regions(path)
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
    return annotate(by_image[name], shape, f"{path}, image {shown(name)}" if name else str(path))


def read_regions(path: str | os.PathLike[str]) -> dict[str, list[Region]]:
    """Read the regions of an annotation file, label images aside.

    Parameters
    ----------
    path
        As `read_annotations`.

    Returns
    -------
    dict
        Regions by image file name; the name is "" in formats that do not tell it.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_annotations`.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in ANNOTATION_SUFFIXES:
        raise ValueError(
            f"{path} is no annotation file; give a VIA project (.json, .csv), ImageJ regions "
            "(.zip, .roi), GeoJSON, or a label image (.tif, .png)"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path of the annotations")
    if suffix in (".zip", ".roi"):
        return {"": read_rois(path)}
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is {path.stat().st_size:,} bytes long, which no annotation is")
    if suffix == ".csv":
        return regions_of_csv(path)
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({reason(error)}); save it again") from error
    if not entries or not isinstance(entries, dict | list):
        raise ValueError(f"{path} holds no annotations; save the VIA project or GeoJSON again")
    if isinstance(entries, dict) and "shapes" in entries:
        return {"": regions_of_labelme(entries, path)}
    if isinstance(entries, list) or "type" in entries:
        return {"": regions_of_geojson(entries, path)}
    return regions_of_project(entries, path)


def annotate(regions: Sequence[Region], shape: tuple[int, ...], source: str) -> Annotations:
    """Paint one image's regions, or those of a stack by their slice positions.

    Parameters
    ----------
    regions
        As `read_regions` gives them.
    shape
        (H, W) or (N, H, W).
    source
        File and image, for messages.

    Raises
    ------
    ValueError
        If a region lies on a slice that the stack lacks, or on none.
    """
    if len(shape) == 2:
        labels, table, problems = rasterize(regions, (shape[0], shape[1]), source)
        return Annotations(labels, table, tuple(problems))
    if len(shape) != 3:
        raise ValueError(f"{source}: annotations need an image (H, W) or a stack, not {shape}")
    for region in regions:
        if not 1 <= region.position <= shape[0]:
            place = f"slice {region.position}" if region.position else "no slice"
            raise ValueError(
                f"{source}: region {region.number} lies on {place} and the stack has {shape[0]}; "
                "set its position in ImageJ's ROI Manager by Properties"
            )
    stack = np.zeros(shape, np.int32)
    tables, problems = [], []
    for position in sorted({region.position for region in regions}):
        here = [region for region in regions if region.position == position]
        labels, table, found = rasterize(here, (shape[1], shape[2]), source)
        stack[position - 1] = labels
        tables.append(table)
        problems += found
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return Annotations(stack, table, tuple(problems))


def find_image(by_image: dict[str, list[Region]], image: str) -> str | None:
    """Return the name under which an annotation file knows an image; None: it does not.

    Annotated as a PNG, trained on as the TIFF it came from: the stem decides if it is unique.
    """
    wanted = Path(image)
    if wanted.name in by_image:
        return wanted.name
    if set(by_image) == {""}:
        return ""
    alike = [name for name in by_image if Path(name).stem == wanted.stem]
    return alike[0] if len(alike) == 1 else None


def _label_image(path: Path) -> np.ndarray:
    labels = read_pixels(path)
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.round(labels)):
            raise ValueError(f"{path} is no label image: its values are not whole numbers")
    elif labels.dtype.kind not in "iub":
        raise ValueError(f"{path} is no label image: its pixels are {labels.dtype}")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        raise ValueError(f"{path} is no label image: it holds {labels.max()}")
    return labels.astype(np.int32)
