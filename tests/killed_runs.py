"""Runs in processes of their own that are killed, group and all, after some CPU time."""

import hashlib
import json
import multiprocessing
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

from particlebridge.bridge.run_folder import lasting

# One process imports TensorFlow once; runs are forked from it.
_PRELOADED = ["killed_runs_imports"]
CONTEXT = multiprocessing.get_context("forkserver") if os.name == "posix" else None
_TICK = 0.002
_DATE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d [\w+-]+")


def attempt(
    volume: Path, out: Path, cpu: float | None = None, **options: Any
) -> tuple[bool, float]:
    """Run in a process group of its own; kill -9 the group after `cpu` seconds of CPU time.

    Returns
    -------
    finished : bool
        Whether it came to its end.
    used : float
        CPU seconds until then.
    """
    assert CONTEXT is not None
    CONTEXT.set_forkserver_preload(_PRELOADED)
    process = CONTEXT.Process(target=_carry, args=(str(volume), str(out), options))
    process.start()
    assert process.pid is not None
    used = 0.0
    while process.is_alive():
        used = _cpu_seconds(process.pid) or used
        if cpu is not None and used >= cpu and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
            break
        time.sleep(_TICK)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the run failed: {process.exitcode}"
    return process.exitcode == 0, used


def stage_under_way(out: Path) -> str:
    """Name the stage that a killed run was at: what it had recorded last, and where it wrote."""
    try:
        done = json.loads((out / "run.json").read_text()).get("stages", {})
    except FileNotFoundError:
        return "before run.json"
    for stage in ("segment xy", "rois xy", "segment xz", "rois xz", "segment yz", "rois yz",
                  "fuse", "measure", "report"):  # fmt: skip
        if not done.get(stage, {}).get("key"):
            return stage
    return "after the report"


def contents(out: Path) -> dict[str, str]:
    """Digest every file of a run folder, hidden ones too, but not when and how fast it was made."""
    found = {}
    for file in sorted(out.rglob("*")):
        if file.is_file() and file.name != ".lock":
            data = file.read_bytes()
            if file.name == "run.json":
                data = json.dumps(lasting(json.loads(data)), sort_keys=True).encode()
            elif file.name == "report.html":
                data = _DATE.sub(b"", data)
            found[file.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def _carry(volume: str, out: str, options: dict[str, Any]) -> None:
    os.setsid()
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    from particlebridge.bridge import run

    run([volume], out, **options)
    sys.stdout.flush()
    os._exit(0)


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
