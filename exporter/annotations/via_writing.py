"""Labels as a project of the VGG Image Annotator, to be corrected there."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.atomic import write_json

from .image_names import base_name
from .outlines import label_outlines
from .regions import signed_area


def write_via(labels_by_image: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> int:
    """Write labels as a VIA project, to be corrected there and read back.

    Outlines run between the pixel centres, so an untouched project reads back as the same
    labels. VIA knows no holes and no regions of several parts: holes are left out, and every
    part becomes a region of its own; all carry the label's number as attribute `particle`.

    Parameters
    ----------
    labels_by_image
        Image path or name -> (H, W) integer labels, 0 background.
    path
        The .json file to write; it appears whole or not at all.

    Returns
    -------
    int
        How many regions were written.

    Raises
    ------
    ValueError
        If labels are no 2-D integer image, or two images bear one name.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.exporter import write_via
    >>> labels = np.zeros((8, 8), np.int32)
    >>> labels[1:4, 1:4], labels[5:7, 2:6] = 1, 2
    >>> write_via({"slice.png": labels}, "via.json")
    2
    """
    images: dict[str, Any] = {}
    count = 0
    names: set[str] = set()
    for image, labels in labels_by_image.items():
        name = base_name(os.fspath(image))
        if name in names:
            raise ValueError(f"two images are named {name}; VIA knows images by their name")
        names.add(name)
        regions = []
        for label, rings in label_outlines(labels):
            for ring in rings:
                if signed_area(ring) <= 0:  # a hole: `label_outlines` turns the other way
                    continue
                outline = {
                    "name": "polygon",
                    "all_points_x": ring[:, 1].tolist(),
                    "all_points_y": ring[:, 0].tolist(),
                }
                regions.append(
                    {"shape_attributes": outline, "region_attributes": {"particle": str(label)}}
                )
        size = Path(image).stat().st_size if Path(image).is_file() else -1
        images[f"{name}{size}"] = {
            "filename": name,
            "size": size,
            "regions": regions,
            "file_attributes": {},
        }
        count += len(regions)
    attribute = {"type": "text", "description": "number of the particle", "default_value": ""}
    project = {
        "_via_settings": {"project": {"name": Path(path).stem}},
        "_via_img_metadata": images,
        "_via_attributes": {"region": {"particle": attribute}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(images),
    }
    write_json(path, project, indent=None)
    return count
