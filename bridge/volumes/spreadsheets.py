"""Tables as spreadsheets save them: commas, semicolons or tabs, decimal commas, blank rows."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Set
from dataclasses import dataclass
from pathlib import Path

from particlebridge.analysis.io.errors import check_stand_in, reraise_with_path, shown

_SEPARATORS = (",", ";", "\t")
# A line that some spreadsheets write, and read, to name the separator.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
_BLANK = re.compile(r'[\s,;"]*$')


@dataclass(frozen=True)
class Spreadsheet:
    """A table's cells as text.

    Attributes
    ----------
    separator
        Of its columns.
    columns
        Their names, without spaces around them.
    rows
        Each row's line in the file and its cells; blank rows are left out.
    """

    separator: str
    columns: list[str]
    rows: list[tuple[int, list[str]]]

    @property
    def has_decimal_commas(self) -> bool:
        """Whether a comma may stand for a decimal point."""
        return self.separator != ","


def read_spreadsheet(
    path: Path, keys: Collection[Set[str]], fault: str, remedy: str
) -> Spreadsheet:
    """Read a table of text whose separator is found by the names of columns.

    Parameters
    ----------
    path
        The file: UTF-8, or UTF-16 with its mark.
    keys
        Columns, in small letters, all of which must be there, or another such set.
    fault, remedy
        What is said where it is not: what is wrong and what to do.

    Raises
    ------
    ValueError
        If it is no text, no set of `keys` is there, or two columns have one name.
    """
    check_stand_in(path)
    with reraise_with_path(path, "cannot be read as CSV", "save it again"):
        data = path.read_bytes()
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if wide else "utf-8-sig")
        if "\x00" in text:
            raise ValueError("it holds zero bytes, so it is not text")
    first, _, rest = text.partition("\n")
    told = _SEPARATOR_LINE.match(first)
    start = 2 if told else 1
    if told:
        text = rest
    lines_of_text = io.StringIO(text, newline="")
    header = next((line for line in lines_of_text if not _BLANK.match(line)), "").rstrip("\r\n")
    tried = (told[1],) if told else _SEPARATORS
    with reraise_with_path(path, "cannot be read as CSV", "save it again"):
        found = [s for s in tried if any(k <= set(map(fold, _cells(header, s))) for k in keys)]
    if not found:
        raise ValueError(
            f"{path}: {fault} ({_seen(header)}); {remedy}, with commas, semicolons or tabs between "
            "columns"
        )
    separator = found[0]
    with reraise_with_path(path, "cannot be read as CSV", "save it again"):
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
        )
        lines = [(reader.line_num + start - 1, [cell.strip() for cell in row]) for row in reader]
    lines = [(number, _trimmed(row)) for number, row in lines if any(row)]
    _, columns = lines[0]
    twice = [name for name, count in Counter(columns).items() if count > 1 and name]
    if twice:
        raise ValueError(f"{path}: has two columns '{shown(twice[0])}'; keep one")
    return Spreadsheet(separator, columns, lines[1:])


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def fold(name: str) -> str:
    """Write a column's name as people mean it: ``Voxel size`` is ``voxel_size``."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _trimmed(row: list[str]) -> list[str]:
    """Leave out empty cells behind the last one that is written."""
    while row and not row[-1]:
        row = row[:-1]
    return row


def _seen(header: str) -> str:
    return f"its first row reads '{shown(header, 80)}'" if header else "it is empty"
