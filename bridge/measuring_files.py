"""Measuring the particles of label files: what `measure` of the command line does."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import check_memory

from ._shared.options import gathered, takes_options
from ._shared.progress import notice
from .measuring import write_measures
from .runs.folder_lock import held
from .runs.measure_options import MeasureOptions
from .runs.run_labels import as_known_to_run
from .runs.void_words import found_mask
from .volumes.chunked_source import is_chunked
from .volumes.field_of_view import FieldOfView, fill_outside, find_field_of_view
from .volumes.inversion import with_bright_particles
from .volumes.label_records import (
    check_labels_of,
    check_mask_of_others,
    check_replaceable,
    companion,
    label_digest,
    misfit,
    recorded,
)
from .volumes.labels import read_labels
from .volumes.read_options import ReadOptions
from .volumes.reading import Volume, open_volume
from .volumes.seen_masks import as_bool
from .volumes.stored_arrays import AnyArray
from .volumes.voxel_size import Spacing


@dataclass(frozen=True)
class Measured:
    """The tables that a measurement wrote.

    Attributes
    ----------
    features
        A row for each particle.
    contacts
        A row for each pair of particles that touch.
    """

    features: Path
    contacts: Path


@takes_options(ReadOptions, MeasureOptions)
def measure_files(
    volume: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    solid: str | os.PathLike[str] | None = None,
    labels_are: str | None = None,
    **options: Any,
) -> Measured:
    """Measure every particle of a label file; `analysis.measure` does it with arrays.

    Parameters
    ----------
    volume
        Grey values.
    labels
        Labels of the same shape.
    out
        Table to write; contacts.csv goes beside it. Only tables of ours are replaced.
    solid
        Mask of material (non-zero); then labels are bodies. By default that which `fuse` wrote
        beside the labels. If it was found for other labels, material is found again from the grey
        values, with a notice.
    labels_are
        There is no mask: ``"body"`` (cracks included: void is found from the grey values) or
        ``"solid"``, the default where no mask lies beside the labels (only material: bodies are
        found by closing each particle).
    **options
        Any option of `ReadOptions` and `MeasureOptions`, by its name. A volume that records no
        voxel size has that of its labels.

    Returns
    -------
    Measured
        The tables written.

    Raises
    ------
    TypeError
        If an option is none of these.
    FileNotFoundError, ValueError
        If a file cannot be used, or shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import measure_files
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> np.save("scan.npy", made.volume)
    >>> np.save("labels.npy", made.labels)
    >>> done = measure_files("scan.npy", "labels.npy", "features.csv", labels_are="body",
    ...                      voxel_size=made.spacing)
    >>> len(pd.read_csv(done.features)) == len(made.truth)
    True
    """
    reading, measuring = gathered("measure_files", options, ReadOptions, MeasureOptions)
    grey = with_bright_particles(open_volume(volume, reading.voxel_size), reading.invert)
    if grey.spacing_from in ("given", "metadata"):
        measuring.check(grey.source, grey.spacing)
    # Labels in chunks may be larger than memory: they are measured as they are read.
    chunked = open_volume(labels, holds="labels") if is_chunked(labels) else None
    if chunked is not None and chunked.data.dtype.kind == "f":
        chunked = None  # whole numbers, or fractions, as MATLAB saves both: looked at in memory
    bodies = read_labels(labels) if chunked is None else chunked.data
    if Path(volume).resolve() == Path(labels).resolve():
        raise ValueError(f"{labels}: is the volume itself; give its labels, such as a labels.tif")
    check_labels_of(grey, bodies, Path(labels))
    sized: Volume = grey
    if grey.spacing_from not in ("given", "metadata"):
        sized_labels = chunked or open_volume(labels, holds="labels")
        sized_labels = as_known_to_run(sized_labels, Path(labels).parent)
        # From the best known size to none at all.
        kinds = ("given", "metadata", "pixel size", "ratio", "unknown")
        sized = min(grey, sized_labels, key=lambda volume: kinds.index(volume.spacing_from))
    spacing = sized.spacing
    measuring.check(sized.source, spacing, sized.unit)
    beside = companion(Path(labels), "solid")
    closing = (
        solid is None and labels_are != "body" and not (labels_are is None and beside.exists())
    )
    seen_of = measuring.doubts(sized, closing)
    known = [*grey.notes, *(chunked.notes if chunked else ()), *sized.doubts, *seen_of]
    for doubt in dict.fromkeys(known):
        notice(doubt)
    seen = find_field_of_view(grey.data, grey.source, reading.field_of_view)
    files = [Path(out).with_name("contacts.csv"), Path(out)]
    with held(Path(out).parent):
        check_replaceable(files)
        mask: AnyArray | None = None
        if solid is not None:
            mask = _mask(Path(solid), Path(labels), bodies, grey, seen, spacing, given=True)
        elif labels_are is None and beside.exists():
            mask = _mask(beside, Path(labels), bodies, grey, seen, spacing, given=False)
        elif labels_are == "body":
            notice(f"{labels}: holds bodies and no mask is given: void is found from grey values")
            mask = _found(Path(labels), bodies, grey, seen, spacing)
        table = write_measures(
            files, grey.data, bodies, sized.known_size, mask, measuring, seen.seen
        )
        if table.empty:
            notice(f"{labels}: holds no particle; the tables have no rows")
    return Measured(files[1], files[0])


def _mask(
    file: Path,
    labels: Path,
    bodies: AnyArray,
    grey: Volume,
    seen: FieldOfView,
    spacing: Spacing,
    *,
    given: bool,
) -> AnyArray:
    """Open the mask of material of these labels; find the material again if it is of others."""
    why = misfit(file, labels, label_digest(bodies))
    of_others = given and recorded(file) is None
    if of_others:
        notice(f"{file}: {why}; it is taken as given")
        why = ""
    if not why:
        mask = open_volume(file, holds="labels").data
        if mask.shape != bodies.shape:
            raise ValueError(f"{file}: has shape {mask.shape}, but {labels} has {bodies.shape}")
        if of_others:
            check_mask_of_others(file, mask, bodies)
            # Only masks of ours mean more by 64, 128 and 192 than material.
            return as_bool(mask)
        return mask
    notice(f"{file}: {why}; material is found again from the grey values")
    return _found(labels, bodies, grey, seen, spacing)


def _found(
    labels: Path, bodies: AnyArray, grey: Volume, seen: FieldOfView, spacing: Spacing
) -> np.ndarray:
    """Find the material of bodies from the grey values."""
    needed = bodies.size * (4 + grey.data.dtype.itemsize + 1)
    check_memory(needed, labels, "finding material in all of it", "fuse the views with --volume")
    return found_mask(fill_outside(np.asarray(grey.data[:]), seen), np.asarray(bodies[:]), spacing)
