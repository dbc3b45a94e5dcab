"""A CSV sheet that lists many volumes: path, and if wanted voxel_size, state and group."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from particlebridge.analysis._shared.wording import listing
from particlebridge.analysis.io.errors import shown

from .._shared.progress import notice
from ..volumes.chunked_source import split_dataset
from ..volumes.spreadsheets import Spreadsheet, fold, read_spreadsheet
from ..volumes.voxel_size import Spacing, parse_voxel_size

SHEETS = (".csv", ".tsv")
_KNOWN = ("path", "voxel_size", "state", "group")


@dataclass(frozen=True)
class Item:
    """One volume to run: its file, its name in the results, and what is known of it.

    Attributes
    ----------
    path, name, voxel_size, state, group
        As given or read from the sheet.
    unused
        Cells of the sheet's other columns, for run.json.
    line
        Of the sheet; 0 without one.
    """

    path: Path
    name: str
    voxel_size: Spacing | None = None
    state: str = ""
    group: str = ""
    unused: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


def list_items(
    volumes: Sequence[str | os.PathLike[str]], voxel_size: Spacing | None = None
) -> list[Item]:
    """Turn what a person names (volumes, or one sheet) into the volumes to run.

    Parameters
    ----------
    volumes
        Files or folders of slices; or one ``.csv`` or ``.tsv`` with the column ``path`` and, if
        wanted, ``voxel_size`` ("z,y,x" in micrometres, or one number), ``state`` and ``group``.
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
        If the sheet is missing or malformed, nothing is listed, or a volume is listed twice.
    """
    paths = [Path(v) for v in volumes]
    if not paths:
        raise ValueError("no volume given; name at least one file, folder of slices or sheet.csv")
    if len(paths) == 1 and paths[0].suffix.lower() in SHEETS:
        items = _read_sheet(paths[0], voxel_size)
        _check_once(items, f"{paths[0]}: ")
    else:
        items = [Item(p, _stem(p), voxel_size) for p in paths]
        _check_once(items, "")
    return _distinct(items)


def _read_sheet(sheet: Path, voxel_size: Spacing | None) -> list[Item]:
    if not sheet.exists():
        raise FileNotFoundError(f"{sheet}: no such sheet")
    table = read_spreadsheet(
        sheet, [{"path"}], "needs a column 'path' and a row", "name the columns in its first row"
    )
    if not table.rows:
        raise ValueError(f"{sheet}: needs a column 'path' and a row; it lists no volume")
    columns = _columns(sheet, table)
    items = []
    for number, row in table.rows:
        at = f"{sheet}: line {number}"
        cells = dict(zip(columns, _fitted(at, row, columns), strict=True))
        path = sheet.parent / cells["path"]
        if not cells["path"] or not cells["path"].isprintable():
            raise ValueError(f"{at} names no path; write the volume's file there")
        size = voxel_size
        if cells.get("voxel_size"):
            try:
                size = parse_voxel_size(_pointed(cells["voxel_size"], table))
            except ValueError as error:
                raise ValueError(f"{at}: {shown(str(error), 200)}") from None
        try:
            name = _stem(path)
            path.exists()
        except OSError as error:
            raise ValueError(
                f"{at}: no file can be called {shown(cells['path'], 60)} "
                f"({error.strerror}); write the volume's file there"
            ) from None
        unused = {shown(k): shown(v, 200) for k, v in cells.items() if k not in _KNOWN and v}
        state, group = cells.get("state", ""), cells.get("group", "")
        items.append(Item(path, name, size, state, group, unused, number))
    return items


def _columns(sheet: Path, table: Spreadsheet) -> list[str]:
    """Name the columns as the program does; say which it does not know."""
    columns = [fold(name) if fold(name) in _KNOWN else name for name in table.columns]
    twice = [name for name in _KNOWN if columns.count(name) > 1]
    if twice:
        raise ValueError(f"{sheet}: has two columns '{twice[0]}'; keep one")
    others = [name for name in columns if name not in _KNOWN]
    for name in others:
        near = get_close_matches(fold(name)[:60], set(_KNOWN) - set(columns), 1, 0.7)
        if near:
            raise ValueError(
                f"{sheet}: column '{shown(name)}' is unknown; call it '{near[0]}', or leave it out"
            )
    if named := [f"'{shown(name)}'" for name in others if name]:
        more = [f"{len(named) - 5} more"] if len(named) > 5 else []
        notice(
            f"{sheet}: not used: column {listing([*named[:5], *more])} "
            f"(known are {listing(_KNOWN)}); run.json keeps what it says"
        )
    return columns


def _fitted(at: str, row: list[str], columns: Sequence[str]) -> list[str]:
    """Give a row as many cells as there are columns."""
    over = len(row) - len(columns)
    if over == 2 and "voxel_size" in columns:
        # Z,Y,X without quotes, as people write it.
        k = columns.index("voxel_size")
        try:
            parse_voxel_size(",".join(row[k : k + 3]))
        except ValueError:
            pass
        else:
            notice(f"{at}: {','.join(row[k : k + 3])} is taken for one voxel size; quote it")
            return [*row[:k], ",".join(row[k : k + 3]), *row[k + 3 :]]
    if over > 0:
        raise ValueError(
            f"{at} has {len(row)} cells and the first row {len(columns)}; put a cell that holds "
            'the separator into quotes, such as "0.1,0.07,0.07"'
        )
    return row + [""] * -over


def _pointed(text: str, table: Spreadsheet) -> str:
    """Write decimal commas as points: 0,07 or 0,1,0,07,0,07."""
    parts = text.split(",")
    if not table.has_decimal_commas or "." in text or len(parts) not in (2, 6):
        return text
    return ",".join(".".join(pair) for pair in zip(parts[::2], parts[1::2], strict=True))


def _check_once(items: Sequence[Item], sheet: str) -> None:
    """Refuse a volume that is listed twice: each of its particles would count twice."""
    seen: dict[object, Item] = {}
    for item in items:
        file, dataset = split_dataset(item.path)
        try:
            stat = file.stat()
            same: object = (stat.st_dev, stat.st_ino, dataset.strip("/"))
        except OSError:
            same = (os.path.normpath(file.absolute()), dataset.strip("/"))
        if same in seen:
            lines = f" (lines {seen[same].line} and {item.line})" if item.line else ""
            raise ValueError(
                f"{sheet}{item.path} is listed twice{lines}, and its particles would count twice; "
                "name each volume once"
            )
        seen[same] = item


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
