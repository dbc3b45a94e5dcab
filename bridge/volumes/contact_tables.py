"""The contacts.csv that belongs to a table of particles."""

from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis.io.errors import reraise_with_path

from .._shared.progress import notice

_FIX = "measure again, or remove it"
# A contact lies on the surface of both: about a radius from their centres, more if oblong.
_FAR = 3.0
_MOST_FAR = 0.1


def contacts_beside(path: Path, table: pd.DataFrame) -> pd.DataFrame | None:
    """Find the contacts of a table's particles; say why there are none.

    Parameters
    ----------
    path
        The features.csv. Beside it lies contacts.csv, or, of a table of several volumes, one in
        the folder of each, as `run` leaves them.
    table
        As `read_table` gives it.

    Returns
    -------
    DataFrame or None
        source and target, with ``volume`` where there are several. None: what lies there is not of
        these particles, or there is nothing.

    Raises
    ------
    ValueError
        If a contacts.csv cannot be read.
    """
    folders = {"": path.parent}
    if "volume" in table:
        named = {str(name): path.parent / str(name) for name in table["volume"].unique()}
        if any((folder / "contacts.csv").is_file() for folder in named.values()):
            folders = named
    found = []
    for name, folder in folders.items():
        file = folder / "contacts.csv"
        if not file.is_file():
            notice(f"{path}: there is no {file}: whether damaged particles touch is left out")
            return None
        with reraise_with_path(file, "cannot be read as a table of contacts", _FIX):
            contacts = pd.read_csv(file)
        missing = {"source", "target"} - set(contacts)
        if missing:
            raise ValueError(f"{file}: lacks the columns source and target; {_FIX}")
        own = table[table["volume"].astype(str) == name] if name else table
        if not _fits(contacts, own):
            notice(
                f"{file}: is not of the particles of {path}: whether damaged particles touch is "
                "left out"
            )
            return None
        found.append(contacts.assign(volume=name) if name else contacts)
    return pd.concat(found, ignore_index=True)


def _fits(contacts: pd.DataFrame, table: pd.DataFrame) -> bool:
    """Tell whether contacts lie between the particles that they name."""
    by_label = table.drop_duplicates("label").set_index("label")
    if not set("XYZ") <= set(contacts) or by_label[list("XYZ")].isna().to_numpy().any():
        return bool(np.isin(contacts[["source", "target"]].to_numpy(), by_label.index).any())
    for end in ("source", "target"):
        own = by_label.reindex(contacts[end])
        apart = np.linalg.norm(
            contacts[list("XYZ")].to_numpy() - own[list("XYZ")].to_numpy(), axis=1
        )
        radius = np.cbrt(own["Volume"].to_numpy() * 3 / 4 / np.pi)
        known = np.isfinite(apart)
        if len(contacts) and not known.any():
            return False
        if np.mean(apart[known] > _FAR * radius[known]) > _MOST_FAR:
            return False
    return True
