"""A CSV sheet that lists many volumes: path, and if wanted voxel_size, state and group."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from .voxel_size import Spacing, parse_voxel_size


@dataclass(frozen=True)
class Item:
    """One volume to run: its file, its name in the results, and what is known of it."""

    path: Path
    name: str
    voxel_size: Spacing | None = None
    state: str = ""
    group: str = ""


def list_items(
    volumes: Sequence[str | os.PathLike[str]], voxel_size: Spacing | None = None
) -> list[Item]:
    """Turn what a person names (volumes, or one sheet) into the volumes to run.

    Parameters
    ----------
    volumes
        Files or folders of slices; or one ``.csv`` with the column ``path`` and, if wanted,
        ``voxel_size`` ("z,y,x" in micrometres, or one number), ``state`` and ``group``.
        Relative paths in a sheet count from the sheet's folder.
    voxel_size
        For volumes whose sheet names none.

    Returns
    -------
    list of Item
        Names are unique: file stems, made distinct where needed.

    Raises
    ------
    FileNotFoundError, ValueError
        If the sheet is missing or malformed, or nothing is listed.
    """
    paths = [Path(v) for v in volumes]
    if not paths:
        raise ValueError("no volume given; name at least one file, folder of slices or sheet.csv")
    if len(paths) == 1 and paths[0].suffix.lower() == ".csv":
        items = _read_sheet(paths[0], voxel_size)
    else:
        items = [Item(p, _stem(p), voxel_size) for p in paths]
    return _distinct(items)


def _read_sheet(sheet: Path, voxel_size: Spacing | None) -> list[Item]:
    if not sheet.exists():
        raise FileNotFoundError(f"{sheet}: no such sheet")
    try:
        table = pd.read_csv(sheet, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{sheet}: cannot be read as CSV ({error})") from error
    if "path" not in table or table.empty:
        raise ValueError(f"{sheet}: needs a column 'path' and at least one row")
    items = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        if not row["path"].strip():
            raise ValueError(f"{sheet}: line {number} names no path")
        size = row.get("voxel_size", "")
        path = sheet.parent / row["path"].strip()
        items.append(
            Item(
                path,
                _stem(path),
                parse_voxel_size(size) if size else voxel_size,
                row.get("state", "").strip(),
                row.get("group", "").strip(),
            )
        )
    return items


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    for suffix in (".ome.tiff", ".ome.tif", ".ome.zarr"):
        name = name.removesuffix(suffix)
    return Path(name).stem or "volume"


def _distinct(items: list[Item]) -> list[Item]:
    width = math.ceil(math.log10(len(items) + 1))
    names = [item.name for item in items]
    return [
        item
        if names.count(item.name) == 1
        else Item(item.path, f"{item.name}_{i:0{width}d}", item.voxel_size, item.state, item.group)
        for i, item in enumerate(items, start=1)
    ]
