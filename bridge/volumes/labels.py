"""Reading labels: whole numbers, 0 the background."""

import math
import os
from pathlib import Path

import numpy as np
from particlebridge.analysis.io.errors import check_memory
from particlebridge.analysis.io.images import shape_text

from .._shared.progress import notice
from .chunked_source import is_chunked
from .images import check_numbers, existing, read_array
from .reading import open_volume
from .slice_folder import list_slices
from .stored_arrays import AnyArray


def read_labels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label volume or image of whole numbers, 0 the background.

    Parameters
    ----------
    path
        Any file that `read_volume` or `read_image` takes, or a folder of numbered slices.

    Returns
    -------
    ndarray
        (Z, Y, X) or (Y, X), int32.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read, or holds colours, fractions or numbers that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge import read_labels
    >>> np.save("labels.npy", np.eye(3, dtype=np.uint8))
    >>> read_labels("labels.npy").dtype
    dtype('int32')
    """
    path = existing(path)
    if path.is_dir() and not is_chunked(path):
        return _label_slices(path)
    data, axes, _, notes, _ = read_array(path, palette="labels")
    for note in notes:
        notice(note)
    check_numbers(data, path)
    channels = math.prod(n for n, a in zip(data.shape, axes, strict=True) if a in "CS")
    if channels > 1:
        raise ValueError(
            f"{path}: labels must have one channel, and these have {channels} (colours are no "
            "numbers of particles); save the label image itself, not a picture of it"
        )
    data = data.reshape([n for n, a in zip(data.shape, axes, strict=True) if n > 1 or a in "ZYX"])
    check_memory(4 * data.size, path, f"labels of {shape_text(data.shape)}", "crop them")
    if data.ndim not in (2, 3):
        raise ValueError(f"{path}: labels must be 2-D or 3-D, found shape {data.shape}")
    if data.dtype.kind == "f" and not all(np.array_equal(part, np.rint(part)) for part in data):
        raise ValueError(
            f"{path}: holds fractions or NaN, so it is not a label image; "
            "save labels as 16-bit or 32-bit whole numbers"
        )
    # In float16, the limit itself would be infinite.
    if float(data.max()) > np.iinfo(np.int32).max or data.min() < 0:
        raise ValueError(f"{path}: labels must lie between 0 and 2147483647")
    return data.astype(np.int32)


def open_labels(path: str | os.PathLike[str]) -> AnyArray:
    """Open labels: those in chunks, maybe larger than memory, are read as they are sliced.

    Parameters
    ----------
    path
        As `read_labels`.

    Returns
    -------
    AnyArray
        Whole numbers, (Z, Y, X) or (Y, X).

    Raises
    ------
    FileNotFoundError, ValueError
        As `open_volume` and `read_labels`.
    """
    if not is_chunked(path):
        return read_labels(path)
    opened = open_volume(path, holds="labels")
    if opened.data.dtype.kind == "f":  # as MATLAB saves whole numbers, too
        return read_labels(path)
    for note in opened.notes:
        notice(note)
    return opened.data


def _label_slices(folder: Path) -> np.ndarray:
    files, notes = list_slices(folder)
    for note in notes:
        notice(note)
    first = read_labels(files[0])
    labels = np.empty((len(files), *first.shape), np.int32)
    for z, file in enumerate(files):
        plane = read_labels(file)
        if plane.shape != first.shape or plane.ndim != 2:
            raise ValueError(
                f"{file}: has shape {plane.shape}, but the first slice {files[0].name} has "
                f"{first.shape}; the slices of labels must be alike, and 2-D"
            )
        labels[z] = plane
    return labels
