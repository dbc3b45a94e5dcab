"""Which labels a mask of material belongs to, and whether a file is still as it was written."""

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from particlebridge.analysis.io.errors import reason
from particlebridge.analysis.io.images import TIFF_SUFFIXES, opened_tiff

from .._shared.progress import notice
from .reading import Volume, open_volume
from .stored_arrays import AnyArray, planes
from .writing import SOFTWARE

ATTRIBUTE = "particlebridge_labels"
"""Of the Zarr groups of labels and masks that we write."""

_NOTE = re.compile(r"Particlebridge (?:mask of )?labels ([0-9a-f]{16})(?: in ([^\n<]*))?")
_SEVERAL = 5
_COLUMNS = ({"label", "confidence"}, {"source", "target", "area"}, {"label", "Damage"})
"""Of fusion.csv, contacts.csv and features.csv."""


class Recorded(NamedTuple):
    """What a file of labels, or of their mask, records.

    Attributes
    ----------
    digest : str
        Of the labels, as `label_digest` gives it.
    name : str
        Of the labels' file; "" in that file itself.
    """

    digest: str
    name: str = ""

    @property
    def note(self) -> str:
        """As a line of text."""
        if self.name:
            return f"Particlebridge mask of labels {self.digest} in {self.name}"
        return f"Particlebridge labels {self.digest}"


def companion(labels: Path, name: str) -> Path:
    """Name what is written beside labels: solid.tif of labels.tif, flow_solid.tif of flow.tif.

    Parameters
    ----------
    labels
        A label file or Zarr folder.
    name
        ``solid``, in the format of the labels, or ``fusion``, a table.
    """
    stem = name if labels.stem == "labels" else f"{labels.stem}_{name}"
    suffix = ".zarr" if labels.suffix == ".zarr" else ".tif"
    return labels.with_name(f"{stem}{suffix if name == 'solid' else '.csv'}")


def label_digest(labels: AnyArray) -> str:
    """Digest labels plane by plane: the same in every file format and type of numbers."""
    state = hashlib.blake2b(f"{tuple(labels.shape)}".encode(), digest_size=8)
    for plane in planes(labels):
        state.update(np.ascontiguousarray(plane, "<i4").data)
    return state.hexdigest()


def recorded(path: Path) -> Recorded | None:
    """Read what a TIFF or Zarr of ours records of labels; None if it records nothing."""
    text = ""
    if path.is_dir():
        with suppress(OSError, ValueError, AttributeError, RecursionError):
            text = str(json.loads((path / ".zattrs").read_text("utf-8")).get(ATTRIBUTE))
    elif path.suffix.lower() in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            text = f"{(tif.imagej_metadata or {}).get('Info', '')}\n{tif.ome_metadata or ''}"
    found = _NOTE.search(text)
    return None if found is None else Recorded(found[1], found[2] or "")


def check_labels_of(volume: Volume, labels: AnyArray, file: Path) -> None:
    """Refuse labels of another shape than the volume's.

    Raises
    ------
    ValueError
        Naming both files.
    """
    if labels.shape != volume.data.shape:
        raise ValueError(
            f"{file}: has shape {labels.shape}, but {volume.source} has {volume.data.shape}; "
            "give the labels of this volume"
        )


def record_in_stack(path: Path, record: Recorded) -> None:
    """Write a record into the attributes of a stack of `create_stack`."""
    import zarr

    zarr.open_group(path, mode="r+").attrs[ATTRIBUTE] = record.note


def misfit(mask: Path, labels: Path, digest: str) -> str:
    """Say why a mask is not that of these labels; "" if it is.

    Parameters
    ----------
    mask
        A file or Zarr folder.
    labels, digest
        The labels' file and their digest.
    """
    record = recorded(mask)
    if record is None:
        return "records no labels that it belongs to"
    if record.digest == digest:
        return ""
    if record.name == labels.name:
        return f"belongs to {labels.name} as it was before it was changed"
    return f"belongs to {record.name}, not to {labels.name}"


def check_mask_of_others(file: Path, mask: AnyArray, labels: AnyArray) -> None:
    """Look whether a mask that we did not write marks material by all that is not 0.

    What else it may be is said: values of several kinds, or a mask of what is not material.

    Raises
    ------
    ValueError
        If it is 0 nowhere: then it is no mask, or marks its background by another number.
    """
    inside, outside = np.zeros(2, np.int64), np.zeros(2, np.int64)
    values: set[float] = set()
    for plane, own in zip(planes(mask), planes(labels), strict=True):
        material, body = np.asarray(plane) != 0, np.asarray(own) != 0
        inside += [np.count_nonzero(material & body), np.count_nonzero(body)]
        outside += [np.count_nonzero(material & ~body), np.count_nonzero(~body)]
        if len(values) <= _SEVERAL:
            values.update(float(v) for v in np.unique(plane) if v != 0)
    some = ", ".join(f"{v:g}" for v in sorted(values)[:_SEVERAL])
    some += ", ..." if len(values) > _SEVERAL else ""
    if inside[0] + outside[0] == inside[1] + outside[1]:
        raise ValueError(
            f"{file}: is 0 nowhere (its values: {some}), so that all would be material; give a "
            "mask that is 0 in voids and background"
        )
    if len(values) > 1:
        notice(f"{file}: its values {some} all count as material; only 0 does not")
    if inside[0] * outside[1] < outside[0] * inside[1]:
        notice(
            f"{file}: marks {inside[0] / inside[1]:.0%} of the particles as material and "
            f"{outside[0] / outside[1]:.0%} of what is around them; is it inverted?"
        )


def check_replaceable(files: Sequence[Path]) -> None:
    """Refuse to replace labels, masks and tables that we did not write, or that were changed since.

    Parameters
    ----------
    files
        Where results shall go.

    Raises
    ------
    ValueError
        Naming the first such file.
    """
    for file in files:
        if file.exists() and not _is_as_written(file):
            raise ValueError(
                f"{file}: was not written by Particlebridge, or was changed since; move it away "
                "or choose another --out"
            )


def _is_as_written(file: Path) -> bool:
    if not file.is_dir() and file.suffix.lower() not in TIFF_SUFFIXES:
        with file.open(encoding="utf-8", errors="replace") as table:
            first = set(table.readline(4096).strip().split(","))
        return any(columns <= first for columns in _COLUMNS)
    try:
        record = recorded(file)
        if record is None:
            return False
        if record.name:
            return file.is_dir() or is_our_tiff(file)
        return record.digest == label_digest(open_volume(file).data)
    except (ValueError, OSError) as error:
        notice(f"{file}: {reason(error)}")
        return False


def is_our_tiff(file: Path) -> bool:
    """Tell whether we wrote a TIFF, and nobody else saved it since."""
    with opened_tiff(file) as tif:
        tag = tif.pages.first.tags.get("Software")
        return tag is not None and tag.value == SOFTWARE
