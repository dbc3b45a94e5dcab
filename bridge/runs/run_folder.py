"""A run's folder: who may write to it, what is finished, and what is needed to repeat it."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.atomic import write_json
from particlebridge.analysis.io.errors import reason

from .folder_lock import held

_PACKAGES = ("particlebridge", "numpy", "scikit-image", "scikit-learn", "stardist", "keras",
             "tensorflow", "onnxruntime")  # fmt: skip

_PARTS = {"claims", "estimated_diameter", "settings", "software", "stages"}
"""A record of ours has one of these."""

_PASSING = {"seconds", "finished", "resumed_slices", "resumed_images", "resumed_blocks",
            "resumed_slabs"}  # fmt: skip


class RunFolder:
    """A folder of results with its ``run.json``; one process at a time writes to it.

    A *stage* is a piece of work with named outputs. It is done when ``run.json`` holds its name
    with the same key (the settings and inputs it depends on) and its outputs exist; everything
    else is done again. Stages record their key after their outputs are whole, so a run killed at
    any moment resumes correctly.

    Parameters
    ----------
    path
        The folder; made if missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        self.record: dict[str, Any] = self._load()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; a second run on it fails at once instead of mixing its results in.

        Raises
        ------
        RuntimeError
            If another process holds it.
        """
        with held(self.path, self._made):
            yield

    def check_free(self, parts: Mapping[str, Sequence[Path]]) -> None:
        """Refuse to replace files that no run in this folder wrote.

        Parameters
        ----------
        parts
            Stage or claimed part -> the files and folders that it writes. Those of a part that
            run.json knows are the run's own.

        Raises
        ------
        ValueError
            If another one is there already; names it.
        """
        known = {*self.record.get("stages", {}), *self.record.get("claims", {})}
        for part, outputs in parts.items():
            for output in () if part in known else outputs:
                if output.exists():
                    raise ValueError(
                        f"{output}: was not written by a run in this folder; move it away or "
                        "choose another --out"
                    )

    def describe(self, **facts: Any) -> None:
        """Add facts (settings, engine, seeds, ...) to run.json."""
        self.record.update(facts)
        self.record["software"] = software()
        self.record["machine"] = {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        }
        self._save()

    def claim(self, part: str, key: Mapping[str, Any], results: Path | None = None) -> None:
        """Take a part of the folder for results of these settings, or find it taken by others.

        Pieces of a part are not told apart by their settings, so they must never mix.

        Parameters
        ----------
        part
            Such as ``"views/xy"``.
        key
            Settings and inputs that the part's results depend on.
        results
            What exists once the part has results; by default the folder named as the part.

        Raises
        ------
        ValueError
            If the folder holds that part made with other settings; names the first that differs.
        """
        claims = self.record.setdefault("claims", {})
        wanted = json.loads(json.dumps(key, default=_plain))
        held = claims.get(part)
        results = results or self.path / part
        if held is not None and held != wanted and results.exists():
            name = next(k for k in {**held, **wanted} if held.get(k) != wanted.get(k))
            what = f"with {name} = {_told(held, name)}, not {_told(wanted, name)}"
            # These two are known by digests, which tell a person nothing.
            what = f"of another {name}" if name in ("volume", "model") else what
            chosen = name in ("backend", "device")
            more = f", or give --{name} {_told(held, name)} to go on" if chosen else ""
            raise ValueError(
                f"{results} holds results {what}; choose another --out, or delete that folder to "
                f"start over{more}"
            )
        claims[part] = wanted
        self._save()

    def is_done(self, stage: str, key: Mapping[str, Any], outputs: Sequence[Path]) -> bool:
        """Tell whether a stage was finished with this key and its outputs are all there."""
        entry = self.record.get("stages", {}).get(stage)
        return (
            entry is not None
            and entry["key"] == digest(key)
            and all(output.exists() for output in outputs)
        )

    @contextmanager
    def stage(self, name: str, key: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Time a stage and record it when its block succeeds; the yielded dict takes notes."""
        notes: dict[str, Any] = {}
        start = time.perf_counter()
        stages = self.record.setdefault("stages", {})
        # Under way; it keeps its place among the others, and what it noted of its old outputs.
        stages[name] = {**stages.get(name, {}), "key": ""}
        self._save()
        yield notes
        stages[name] = {
            "key": digest(key),
            "seconds": round(time.perf_counter() - start, 2),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **notes,
        }
        self._save()

    def _load(self) -> dict[str, Any]:
        file = self.path / "run.json"
        if not file.exists():
            return {}
        try:
            record: dict[str, Any] = json.loads(file.read_text("utf-8"))
            if not _PARTS & record.keys():
                raise ValueError("it is not a record of a run")
            stages, claims = record.get("stages", {}), record.get("claims", {})
            entries = [*stages.values(), *claims.values(), record.get("estimated_diameter", {})]
            if not all(isinstance(entry, dict) for entry in entries):
                raise ValueError("an entry is no object")
            if not all("key" in entry for entry in stages.values()):
                raise ValueError("stages without a key")
        except (ValueError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{file}: cannot be read ({reason(error)}); choose another --out"
            ) from error
        return record

    def _save(self) -> None:
        write_json(self.path / "run.json", self.record, indent=1, default=_plain)


def _told(claim: Mapping[str, Any], name: str) -> str:
    # These are not written down.
    plain = {"format": "tiff", "backend": "tensorflow", "device": "cpu", "every": 1}
    value = claim.get(name, plain.get(name))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def lasting(record: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a record what differs from run to run: times, and what had been done before."""
    return {
        name: lasting(value) if isinstance(value, Mapping) else value
        for name, value in record.items()
        if name not in _PASSING
    }


def digest(key: Any) -> str:
    """Digest settings: the same values give the same short text on every machine."""
    text = json.dumps(key, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_digest(path: Path) -> str:
    """Digest the names, sizes and times of a file, or of all files in a folder such as a Zarr."""
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    state = hashlib.blake2b(digest_size=8)
    for file in files:
        found = file.stat()
        name = file.relative_to(path).as_posix()
        state.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return state.hexdigest()


def software() -> dict[str, str]:
    """List the versions of what computes the results."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot go into run.json")
