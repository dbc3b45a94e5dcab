"""Analysis of files: what `measure`, `explain` and `compare` of the command line do."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge import analysis
from particlebridge.analysis import Score
from particlebridge.analysis.explanation.readable_rows import split_states
from particlebridge.analysis.io.errors import check_memory

from ._shared.options import gathered, takes_options
from ._shared.progress import notice
from .conclusion import Regressors, report_outputs
from .measuring import write_measures
from .runs.folder_lock import held
from .runs.measure_options import MeasureOptions
from .runs.run_folder import RunFolder, lasting
from .runs.run_labels import as_known_to_run
from .runs.void_words import found_mask
from .volumes.chunked_source import is_chunked
from .volumes.field_of_view import FieldOfView, fill_outside, find_field_of_view
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
from .volumes.tables import read_table, write_table
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
        beside the labels. If it was found for other labels, material is found anew from the grey
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
    grey = open_volume(volume, reading.voxel_size)
    if grey.spacing_from in ("given", "metadata"):
        measuring.check(grey.source, grey.spacing)
    # Labels in chunks may be larger than memory: they are measured as they are read.
    chunked = open_volume(labels, holds="labels") if is_chunked(labels) else None
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
    """Open the mask of material of these labels, or find the material anew if it is another's."""
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


def explain_files(
    tables: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    features: Regressors = "drivers",
) -> Path:
    """Explain damage in one table, or compare several states; `analysis.explain` takes tables.

    Parameters
    ----------
    tables
        features.csv files; a state is named by its file or, where all are called the same, by the
        folder it lies in. A file whose column ``state`` names several is parted by them.
    out
        Folder for importance.csv, figures/ and report.html.
    features
        Regressors: ``drivers`` or ``paper``.

    Returns
    -------
    Path
        The report.html.

    Raises
    ------
    FileNotFoundError, ValueError
        If a table cannot be used or holds fewer than 50 usable particles, or `out` holds a report
        that no run wrote.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from particlebridge.analysis import COLUMNS
    >>> from particlebridge.bridge import explain_files
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.random((60, len(COLUMNS))), columns=list(COLUMNS))
    >>> table["label"], table["Border"], table["Damage"] = range(1, 61), False, table["Z"] / 3
    >>> table.to_csv("features.csv", index=False)
    >>> explain_files(["features.csv"], "results").name
    'report.html'
    """
    paths = [Path(t) for t in tables]
    stems = [p.stem for p in paths]
    names = stems if len(set(stems)) == len(stems) else [p.resolve().parent.name for p in paths]
    if len(set(names)) < len(names):
        raise ValueError(f"two tables would both be state '{max(names, key=names.count)}'; "
                         "rename one of the files")  # fmt: skip
    if Path(out).is_dir():
        RunFolder(out).check_free({"report": report_outputs(Path(out), several=False)})
    states: dict[str, pd.DataFrame] = {}
    for name, path in zip(names, paths, strict=True):
        parts = split_states(read_table(path))
        if len(parts) > 1:
            counts = [f"{state} ({len(part)} particles)" for state, part in parts.items()]
            notice(f"{path}: its states are compared, not pooled: {', '.join(counts)}")
        if len(paths) > 1:
            parts = {f"{name} {s}" if len(parts) > 1 else name: part for s, part in parts.items()}
        states |= parts
    try:
        explanation = analysis.explain(states, features=features)
    except ValueError as error:
        text = str(error).rstrip(".")
        named = ", ".join(str(path) for path in paths)
        raise ValueError(f"{named}: {text[:1].lower()}{text[1:]}") from error
    for note in explanation.notes:
        notice(note)
    run = RunFolder(out)
    key = {
        "features": features,
        "tables": {name: path.read_text("utf-8") for name, path in zip(names, paths, strict=True)},
    }
    with run.locked(), run.stage("report", key):
        write_table(explanation.importance, run.path / "importance.csv")
        run.describe(
            settings={"tables": [str(p) for p in paths], "features": features},
            states={state: len(table) for state, table in states.items()},
            notes=list(explanation.notes),
        )
        return analysis.write_report(
            run.path, features=states, explanation=explanation, settings=lasting(run.record)
        )


def compare(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> Score:
    """Score the labels of one file against those of another, taken as the truth.

    Parameters
    ----------
    a
        Truth.
    b
        Labels of the same shape.

    Returns
    -------
    Score

    Raises
    ------
    FileNotFoundError, ValueError
        If a file cannot be used, or shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge import compare
    >>> truth = np.zeros((4, 8, 8), np.int32)
    >>> truth[1:3, 1:4, 1:4], truth[1:3, 5:8, 5:8] = 1, 2
    >>> np.save("truth.npy", truth)
    >>> np.save("found.npy", np.where(truth == 2, 0, truth))
    >>> score = compare("truth.npy", "found.npy")
    >>> score.missed, score.recall[0.5]
    (1, 0.5)
    """
    truth, labels = read_labels(a), read_labels(b)
    if truth.shape != labels.shape:
        raise ValueError(f"{b}: has shape {labels.shape}, but {a} has {truth.shape}")
    return analysis.score(truth, labels)
