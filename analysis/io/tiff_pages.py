"""The chain of a TIFF's pages, walked before a library follows it for ever."""

import struct
from pathlib import Path


def check_page_chain(path: Path) -> None:
    """Refuse what is no TIFF, and pages that refer to each other in a circle.

    tifffile never leaves the circle.

    Parameters
    ----------
    path
        A TIFF or BigTIFF. What else is wrong with it, its reader will say.

    Raises
    ------
    ValueError
        If it begins otherwise, or a page is followed by one that came before.
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16).ljust(16, b"\0")
        order = {b"II": "<", b"MM": ">"}.get(head[:2], "<")
        magic = struct.unpack(f"{order}H", head[2:4])[0]
        if magic == 42:
            count_of, entry, next_of = struct.Struct(f"{order}H"), 12, struct.Struct(f"{order}I")
            (page,) = next_of.unpack(head[4:8])
        elif magic == 43:
            count_of, entry, next_of = struct.Struct(f"{order}Q"), 20, struct.Struct(f"{order}Q")
            (page,) = next_of.unpack(head[8:16])
        elif head[:2] not in (b"II", b"MM", b"EP"):
            raise ValueError("it does not begin as a TIFF does")
        else:
            return
        seen: set[int] = set()
        size = path.stat().st_size
        while 0 < page < size:
            if page in seen:
                raise ValueError("its pages refer to each other in a circle")
            seen.add(page)
            file.seek(page)
            count = file.read(count_of.size)
            if len(count) < count_of.size:
                return
            after = page + count_of.size + count_of.unpack(count)[0] * entry
            if after + next_of.size > size:
                return
            file.seek(after)
            (page,) = next_of.unpack(file.read(next_of.size))
