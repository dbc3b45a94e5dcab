"""A CSV sheet that lists many volumes: path, and if wanted voxel_size, state and group."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from particlebridge.analysis.bad_files import naming, shown

from .chunked_source import split_dataset
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
    with naming(sheet, "cannot be read as CSV", "save it again"):
        table = pd.read_csv(sheet, dtype=str, keep_default_na=False)
    if "path" not in table or table.empty:
        raise ValueError(f"{sheet}: needs a column 'path' and a row; put commas between columns")
    items = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        cells = {str(key): str(value).strip() for key, value in row.items()}
        path = sheet.parent / cells["path"]
        if not cells["path"] or not cells["path"].isprintable():
            raise ValueError(f"{sheet}: line {number} names no path; write the volume's file there")
        size = voxel_size
        if cells.get("voxel_size"):
            try:
                size = parse_voxel_size(cells["voxel_size"])
            except ValueError as error:
                raise ValueError(f"{sheet}: line {number}: {shown(str(error), 200)}") from None
        try:
            name = _stem(path)
        except OSError as error:
            raise ValueError(
                f"{sheet}: line {number}: no file can be called {shown(cells['path'], 60)} "
                f"({error.strerror}); write the volume's file there"
            ) from None
        items.append(Item(path, name, size, cells.get("state", ""), cells.get("group", "")))
    return items


def _stem(path: Path) -> str:
    """Name a volume's folder of results: it must never lie outside the run's own."""
    file, dataset = split_dataset(path)
    name = file.name.removesuffix(".gz")
    for suffix in (".ome.tiff", ".ome.tif", ".ome.zarr"):
        name = name.removesuffix(suffix)
    stem = Path(name).stem.strip(". ")
    return "_".join(filter(None, [stem, dataset.rpartition("/")[2].strip(". ")])) or "volume"


def _distinct(items: list[Item]) -> list[Item]:
    """Give each item a name of its own; case does not tell folders apart everywhere."""
    width = len(str(len(items)))
    held = Counter(item.name.casefold() for item in items)
    taken = set(held)
    found = []
    for i, item in enumerate(items, start=1):
        name = item.name
        while held[item.name.casefold()] > 1 and (name == item.name or name.casefold() in taken):
            name = f"{name}_{i:0{width}d}"
        taken.add(name.casefold())
        found.append(replace(item, name=name))
    return found
