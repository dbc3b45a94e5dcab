"""Analysis of files: what `explain` and `compare` of the command line do."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from particlebridge import analysis
from particlebridge.analysis import Score
from particlebridge.analysis._shared.wording import listing
from particlebridge.analysis.explanation.readable_rows import split_states
from particlebridge.analysis.features.columns import CONSEQUENCES, FEATURES

from ._shared.progress import notice
from .conclusion import Regressors, explained, report_outputs, synchronised
from .runs.run_folder import RunFolder, lasting
from .volumes.contact_tables import contacts_beside
from .volumes.labels import read_labels
from .volumes.published_table import read_published
from .volumes.tables import read_table, write_table


def explain_files(
    tables: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    features: Regressors = "drivers",
    published: str | os.PathLike[str] | None = None,
) -> Path:
    """Explain damage in one table, or compare several states; `analysis.explain` takes tables.

    Parameters
    ----------
    tables
        features.csv files, with contacts.csv beside them as `measure` leaves it, or tables of the
        published code (.csv, .mat). A state is named by its file or, where all are called the same,
        by the folder it lies in. A file whose column ``state`` names several is parted by them.
    out
        Folder for importance.csv, shap.csv, synchrony.csv, figures/ and report.html.
    features
        Regressors: ``drivers`` or ``paper``. Tables of the published code have only the latter;
        they are explained by them, and the log says so.
    published
        CSV of a published ranking to set this one beside: f (feature), c10 and c50 (importance
        after 10 and 50 cycles).

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
        raise ValueError(
            f"two tables would both be state '{max(names, key=names.count)}'; "
            "rename one of the files"
        )
    if Path(out).is_dir():
        RunFolder(out).check_free({"report": report_outputs(Path(out), several=False)})
    ranking = None if published is None else read_published(published)
    states: dict[str, pd.DataFrame] = {}
    contacts: dict[str, pd.DataFrame] = {}
    for name, path in zip(names, paths, strict=True):
        table = read_table(path)
        touching = contacts_beside(path, table)
        parts = split_states(table)
        if len(parts) > 1:
            counts = [f"{state} ({len(part)} particles)" for state, part in parts.items()]
            notice(f"{path}: its states are compared, not pooled: {', '.join(counts)}")
        if len(paths) > 1:
            parts = {f"{name} {s}" if len(parts) > 1 else name: part for s, part in parts.items()}
        states |= parts
        if touching is not None:
            contacts |= dict.fromkeys(parts, touching)
    if features == "drivers" and any(_is_published(table) for table in states.values()):
        notice(
            "tables of the published code lack what 'drivers' needs, and are explained by the 21 "
            f"published features; {listing(CONSEQUENCES)} follow from damage themselves"
        )
        features = "paper"
    try:
        explanation = explained(states, features)
    except ValueError as error:
        text = str(error).rstrip(".")
        named = ", ".join(str(path) for path in paths)
        raise ValueError(f"{named}: {text[:1].lower()}{text[1:]}") from error
    for note in explanation.notes:
        notice(note)
    run = RunFolder(out)
    key = {
        "features": features,
        "tables": {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in zip(names, paths, strict=True)
        },
    }
    with run.locked(), run.stage("report", key):
        write_table(explanation.importance, run.path / "importance.csv")
        write_table(explanation.by_particle(), run.path / "shap.csv")
        run.describe(
            settings={
                "tables": [str(p) for p in paths],
                "features": features,
                **({} if published is None else {"published": str(published)}),
            },
            states={state: len(table) for state, table in states.items()},
            notes=list(explanation.notes),
        )
        return analysis.write_report(
            run.path,
            features=states,
            explanation=explanation,
            contacts=contacts,
            synchrony=synchronised(states, contacts, run.path, explanation.notes),
            published=ranking,
            settings=lasting(run.record),
        )


def _is_published(table: pd.DataFrame) -> bool:
    """Tell whether a table has all published features but not all drivers."""
    drivers, paper = (set(FEATURES[name]) for name in ("drivers", "paper"))
    return paper <= set(table) and not drivers <= set(table)


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
