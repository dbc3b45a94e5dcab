"""Folders of slices: which files they are, in which order, and whether one is missing."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.images import IMAGE_SUFFIXES, grey_of

from .images import read_image

_PICTURES = frozenset(
    (
        ".npy", ".npz", ".svs", ".ndpi", ".scn", ".qptiff", ".btf", ".lsm", ".stk", ".czi",
        ".nd2", ".lif", ".oib", ".oif", ".vsi", ".dcm", ".jp2", ".j2k", ".jxl", ".webp", ".gif",
        ".dm3", ".dm4", ".mrc", ".nrrd", ".nii", ".mha", ".raw", ".fits", ".exr", ".pgm", ".ppm",
        ".txm", ".txrm"
    )
)  # fmt: skip
"""Kinds of images that a folder may hold and that are not read from it."""

_PROJECTIONS = ("MAX_", "MIN_", "AVG_", "SUM_", "STD_", "MED_")
"""How ImageJ names what it projects a stack to."""


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """List a folder's images in natural order (slice2 before slice10).

    Parameters
    ----------
    folder
        Hidden files, such as those of macOS (``._scan.tif``), are no images.

    Raises
    ------
    FileNotFoundError
        If the folder is missing or holds no image.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such file or folder")
    files = sorted(
        (f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file()),
        key=lambda f: [int(t) if t.isdecimal() else t.lower() for t in re.split(r"(\d+)", f.name)],
    )
    files = [f for f in files if not f.name.startswith(".")]
    if not files:
        beside = _unread(folder)
        found = f"; it holds {beside}" if beside else ""
        known = ", ".join(IMAGE_SUFFIXES)
        raise FileNotFoundError(
            f"{folder}: the folder holds no image; expected {known} files{found}"
        )
    return files


def left_out(folder: Path) -> list[str]:
    """Say in one sentence which images of a folder are of a kind that is not read, if any."""
    beside = _unread(folder)
    if not beside:
        return []
    return [f"{folder}: left out {beside}; save as TIFF or PNG what shall be read"]


def _unread(folder: Path) -> str:
    """Write "12 files of other kinds (a.svs, b.jp2, ...)"; nothing where there are none."""
    names = sorted(
        f.name
        for f in folder.iterdir()
        if f.suffix.lower() in _PICTURES and not f.name.startswith(".")
    )
    if not names:
        return ""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} file{'s' if len(names) > 1 else ''} of other kinds ({shown})"


def list_slices(folder: Path) -> tuple[list[Path], list[str]]:
    """List the files of a volume's slices, in the order of their numbers.

    Parameters
    ----------
    folder
        Holds one file a slice. Copies of the slices in another format, projections that ImageJ
        made of them and images of kinds that are not read are left out.

    Returns
    -------
    files : list of Path
    notes : list of str
        Sentences that say what was left out or assumed.

    Raises
    ------
    FileNotFoundError
        As `list_images`.
    ValueError
        If a slice is missing between others, two have one number, or some other image lies
        among them.
    """
    files = list_images(folder)
    notes = left_out(folder)
    best: dict[str, Path] = {}
    for file in sorted(files, key=lambda f: IMAGE_SUFFIXES.index(f.suffix.lower())):
        best.setdefault(file.stem, file)
    copies = [file for file in files if best[file.stem] != file]
    if copies:
        notes.append(
            f"{folder}: left out {_counted(copies)}; {best[copies[0].stem].name} is the same slice"
        )
    files = [file for file in files if best[file.stem] == file]
    projections = [file for file in files if file.name.startswith(_PROJECTIONS)]
    if 0 < len(projections) < len(files):
        notes.append(f"{folder}: left out {_counted(projections)}, which ImageJ projected")
        files = [file for file in files if file not in projections]
    return files, notes + _check_numbering(files, folder)


def _counted(files: Sequence[Path]) -> str:
    """Write "a.jpg" or "8 files (a.jpg to h.jpg)"."""
    if len(files) == 1:
        return files[0].name
    return f"{len(files)} files ({files[0].name} to {files[-1].name})"


def _check_numbering(files: Sequence[Path], folder: Path) -> list[str]:
    """Refuse what is no series of numbered slices: the volume would be squeezed or mixed up."""
    if len(files) < 2:
        return []
    patterns = Counter(_pattern(file) for file in files)
    common = patterns.most_common(1)[0][0]
    if len(patterns) > 1 and "#" in "".join(patterns):
        usual = next(file for file in files if _pattern(file) == common)
        odd = next(file for file in files if _pattern(file) != common)
        raise ValueError(
            f"{folder}: {odd.name} is not named like {usual.name}; leave only the slices of one "
            "volume in the folder, numbered in the same way"
        )
    if len(patterns) > 1:
        return [f"{folder}: its files have no numbers; they are taken in the order of their names"]
    varying = [column for column in _numbers(files) if len(set(column)) > 1]
    telling = [np.diff(column) for column in varying if len(set(column)) == len(files)]
    if any((step == step[0]).all() for step in telling):
        return []
    if telling:
        # Of several numbers, a time say and that of the slice, the steadiest counts.
        step = min(telling, key=lambda step: len(set(step)))
        place = int(np.argmax(step > step.min()))
        raise ValueError(
            f"{folder}: {files[place].name} is followed by {files[place + 1].name}; "
            "put the slices between them back, or renumber the files"
        )
    raise ValueError(
        f"{folder}: no number in the names of its files ({files[0].name}, {files[1].name}, ...) "
        "tells all of them apart; leave one file per slice in the folder (one channel, one volume)"
    )


def _numbers(files: Sequence[Path]) -> list[np.ndarray]:
    """Read each number of the names, as a whole one and with its decimals, for all files."""
    columns = []
    for number in (r"\d+", r"\d+\.\d+"):
        found = [re.findall(number, file.stem) for file in files]
        columns += [
            np.array([Decimal(text) for text in texts]) for texts in zip(*found, strict=False)
        ]
    return columns


def _pattern(file: Path) -> str:
    return re.sub(r"\d+", "#", file.stem.lower())


class SliceFiles:
    """Slices of one size, one file each; an image in colour without any is grey."""

    def __init__(self, files: Sequence[Path], shape: tuple[int, int, int], dtype: np.dtype) -> None:
        self.files, self.shape, self.dtype = files, shape, dtype

    def __getitem__(self, key: tuple[Any, Any, Any]) -> np.ndarray:
        z, y, x = key
        if not isinstance(z, slice):
            return self._slice(z)[y, x]
        return np.stack([self._slice(i)[y, x] for i in range(*z.indices(len(self.files)))])

    def _slice(self, index: int) -> np.ndarray:
        file = self.files[index]
        data = grey_slice(read_image(file).data, file)
        if data.shape != self.shape[1:] or data.dtype != self.dtype:
            raise ValueError(
                f"{file}: is {data.dtype} {data.shape}, but the first slice {self.files[0].name} "
                f"is {self.dtype} {self.shape[1:]}; slices of a volume must be alike"
            )
        return data


def grey_slice(pixels: np.ndarray, file: Path) -> np.ndarray:
    """Give the grey values of a slice, which may be stored in colour.

    Raises
    ------
    ValueError
        If there is colour in it.
    """
    if pixels.ndim == 2:
        return pixels
    grey = grey_of(pixels)
    if grey is None:
        raise ValueError(
            f"{file}: slices must be grey, and this one has {pixels.shape[-1]} channels "
            "that differ (in Fiji: Image > Type > 8-bit)"
        )
    return grey
