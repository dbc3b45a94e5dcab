"""Runs in processes of their own that are killed, group and all, at a chosen moment."""

import hashlib
import json
import multiprocessing
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from particlebridge.bridge.runs.run_folder import lasting

# One process imports TensorFlow once; runs are forked from it.
_PRELOADED = ["killed_runs_imports"]
CONTEXT = multiprocessing.get_context("forkserver") if os.name == "posix" else None
_TICK = 0.004
_DATE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d [\w+-]+")
_UNIQUE = re.compile(r"(?<=particlebridge-)[0-9a-f]{8}(?=-)|\.[0-9a-f]{32}(?=\.partial)")
_LOCK = ".particlebridge-lock"
_SIDE = 16
START = "start"


@dataclass(frozen=True)
class Moment:
    """So many seconds of CPU time after a stage began."""

    stage: str
    cpu: float


@dataclass(frozen=True)
class Change:
    """Just before something in the run folder is written, renamed or deleted.

    Attributes
    ----------
    what, name
        As `Attempt.changes` has them.
    nth
        Which one of those, from 1.
    """

    what: str
    name: str
    nth: int = 1


@dataclass(frozen=True)
class Attempt:
    """What came of it.

    Attributes
    ----------
    finished
        Whether the run came to its end.
    began
        Stage -> CPU seconds of the run when it began.
    cpu
        CPU seconds in all.
    changes
        All changes of files that a finished run made: what, and the name without its numbers.
    """

    finished: bool
    began: dict[str, float]
    cpu: float
    changes: list[tuple[str, str]]


def attempt(
    volume: Path, out: Path, kill: Moment | Change | None = None, **options: Any
) -> Attempt:
    """Run in a process group of its own; kill -9 the group at a moment.

    Blocks, slabs and what is copied at a time are of 16 voxels, so that a small volume has many.
    """
    assert CONTEXT is not None
    CONTEXT.set_forkserver_preload(_PRELOADED)
    noted = out.with_name(f"{out.name}.changes")
    process = CONTEXT.Process(target=_carry, args=(volume, out, kill, noted, options))
    # The fork server looks for its modules nowhere else.
    places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, places))):
        process.start()
    assert process.pid is not None
    used, began, stage, version = 0.0, {START: 0.0}, START, None
    while process.is_alive():
        used = _cpu_seconds(process.pid) or used
        if (now := _version(out / "run.json")) != version:
            stage, version = stage_under_way(out), now
            began.setdefault(stage, used)
        if isinstance(kill, Moment) and _is_past(kill, began, stage, used):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
                process.join()
            break
        time.sleep(_TICK)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the run failed: {process.exitcode}"
    finished = process.exitcode == 0
    changes = [(what, name) for what, name in json.loads(noted.read_text())] if finished else []
    return Attempt(finished, began, used, changes)


def stage_under_way(out: Path) -> str:
    """Name the stage that a run is at or was killed at; `START` before the first."""
    try:
        stages = json.loads((out / "run.json").read_text()).get("stages", {})
    except FileNotFoundError:
        stages = {}
    # A stage that resumes is under way again, before those that are still to come.
    return next((name for name, entry in stages.items() if not entry["key"]), [START, *stages][-1])


def kept(out: Path) -> tuple[int, int]:
    """Count the stages and the pieces (slices, blocks, slabs) that a killed run has finished."""
    try:
        stages = json.loads((out / "run.json").read_text()).get("stages", {})
    except FileNotFoundError:
        stages = {}
    pieces = 0
    for pattern in (
        "views/*/.particlebridge-slices/[0-9]*.npz",
        ".particlebridge-fusion-labels.*/block-*.zarr",
        ".particlebridge-measuring/slab-*.npz",
    ):
        pieces += len(list(out.glob(pattern)))
    return sum(bool(entry["key"]) for entry in stages.values()), pieces


def contents(out: Path) -> dict[str, str]:
    """Digest every file of a run folder, hidden ones too, but not when and how fast it was made."""
    found = {}
    for file in sorted(out.rglob("*")):
        if file.is_file() and file.name != _LOCK:
            data = file.read_bytes()
            if file.name == "run.json":
                data = json.dumps(lasting(json.loads(data)), sort_keys=True).encode()
            elif file.name == "report.html":
                data = _DATE.sub(b"", data)
            found[file.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def _carry(
    volume: Path, out: Path, kill: Moment | Change | None, noted: Path, options: dict[str, Any]
) -> None:
    os.setsid()
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    from particlebridge.bridge import run

    _cut_small()
    changes = _watch(out, kill if isinstance(kill, Change) else None)
    run([volume], out, **options)
    noted.write_text(json.dumps(changes))
    sys.stdout.flush()
    os._exit(0)


def _cut_small() -> None:
    """Let a small volume be cut up as a large one is."""
    from particlebridge.bridge.runs import rechunking, work_plan
    from particlebridge.bridge.runs.blocks import BlockGrid

    def block_grid(
        plan: Any, shape: Any, spacing: Sequence[float], diameter: float, _: Path
    ) -> BlockGrid:
        z, y, x = (int(diameter / s) + 1 for s in spacing)
        return BlockGrid(shape, (_SIDE, _SIDE, _SIDE), (z, y, x))

    work_plan.Plan.block_grid = block_grid  # type: ignore[method-assign]
    work_plan.Plan.slab_depth = lambda plan, volume: _SIDE // 2  # type: ignore[method-assign]
    rechunking.CHUNK, rechunking._SHARE = _SIDE // 4, 1 << 60


def _watch(out: Path, kill: Change | None) -> list[tuple[str, str]]:
    """List the changes of files below a folder as they come; die before one of them."""
    changes: list[tuple[str, str]] = []
    counts: Counter[tuple[str, str]] = Counter()
    inside = f"{out}{os.sep}"

    def name_of(path: Any, folder: int) -> str | None:
        text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        # Deleting a folder goes by names within it.
        if not text.startswith(inside) and folder == -1:
            return None
        return re.sub(r"\d+", "#", _UNIQUE.sub("", text.removeprefix(inside)))

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        what = _CHANGES.get(event)
        if what is None:
            return
        path, folder = what(arguments)
        name = None if path is None else name_of(path, folder)
        if name is None or name.endswith((_LOCK, ".particlebridge-journal")):
            return
        nothing = {"os.mkdir": True, "os.remove": False}.get(event)
        if folder == -1 and nothing is not None and os.path.lexists(path) is nothing:
            return
        changes.append((event, name))
        counts[event, name] += 1
        if kill is not None and counts[kill.what, kill.name] >= kill.nth:
            os.killpg(0, signal.SIGKILL)

    sys.addaudithook(note)
    return changes


def _written(arguments: tuple[Any, ...]) -> tuple[Any, int]:
    path, _, flags = arguments
    changed = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return (path if changed else None), -1


_CHANGES: dict[str, Callable[[tuple[Any, ...]], tuple[Any, int]]] = {
    "open": _written,
    "os.mkdir": lambda arguments: (arguments[0], arguments[2]),
    "os.rename": lambda arguments: (arguments[1], arguments[3]),
    "os.remove": lambda arguments: (arguments[0], arguments[1]),
    "os.rmdir": lambda arguments: (arguments[0], arguments[1]),
}


def _is_past(moment: Moment, began: dict[str, float], stage: str, used: float) -> bool:
    # A stage may be over sooner than it was the first time.
    return moment.stage in began and (stage != moment.stage or used - began[stage] >= moment.cpu)


def _version(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it ended before or while this read it
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
