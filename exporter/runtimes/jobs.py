"""Jobs for processes of their own: job.json goes in, result.json comes back."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SECONDS = 900
"""How long a process may take: a first run downloads 300 MB."""


def run_job(
    worker: str,
    job: dict[str, Any],
    folder: Path,
    environment: Mapping[str, str],
    cwd: Path | None = None,
) -> dict[str, Any]:
    """Do a job of a worker in a fresh process.

    Parameters
    ----------
    worker
        Name of a module beside this one that calls `answer`, such as "opencv_worker".
    job
        What job.json holds.
    folder
        Where the job's files lie.
    environment
        Of the process.
    cwd
        Its working folder; None: that of this process.

    Returns
    -------
    dict
        What result.json holds: stage, error and what the worker adds.
    """
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, "-m", f"{__package__}.{worker}", str(folder)]
    try:
        ended = call(command, environment, cwd)
    except subprocess.TimeoutExpired:
        return {"stage": "run", "error": f"no answer within {SECONDS} s"}
    result = folder / "result.json"
    if not result.is_file():  # a native library took the process down with it
        return {"stage": "crash", "error": f"exit status {ended.returncode}: {last_line(ended)}"}
    return json.loads(result.read_text(encoding="utf-8"))


def answer(
    folder: Path, stage: str, work: Callable[[dict[str, Any], Path, dict[str, Any]], None]
) -> None:
    """Do the job of a folder in this process; whatever happens, result.json says how it ended.

    Parameters
    ----------
    folder
        As `run_job`.
    stage
        The first one.
    work
        Takes the job, the folder and the result, and notes in the result at which stage it is.
    """
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    result: dict[str, Any] = {"stage": stage, "error": None}
    try:
        work(job, folder, result)
        result["stage"] = "done"
    except Exception as error:  # those of Java and OpenCV, too; the parent reports them
        result["error"] = " ".join(str(error).split()) or type(error).__name__
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def call(
    command: list[str], environment: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it prints; TimeoutExpired after SECONDS."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
    )


def last_line(ended: subprocess.CompletedProcess[str]) -> str:
    """Give the last line of a command's error stream."""
    return (ended.stderr.strip() or "no message").splitlines()[-1]
