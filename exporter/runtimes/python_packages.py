"""Python packages that are not installed here, for a worker in a process of its own.

They come from PyPI by pip, once, into the user's cache folder; the environment of this process is
not touched.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from filelock import FileLock

from .jobs import SECONDS, call, last_line, run_job


def run_python_worker(
    worker: str, packages: tuple[str, ...], job: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Do a job of a worker module with other packages than those installed here.

    Parameters
    ----------
    worker
        As `run_job`.
    packages
        What pip installs, with versions: ("opencv-python-headless==4.6.0.66",).
    job, folder
        As `run_job`.

    Returns
    -------
    dict
        What result.json holds: stage, error, version, milliseconds.

    Raises
    ------
    RuntimeError
        If the packages cannot be installed.
    """
    there = _installed(packages)
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [str(there), *(str(Path(path).absolute()) for path in given)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # bioimageio.core leaves files in the working folder: not in the user's.
    return run_job(worker, job, folder, environment, cwd=folder)


def _installed(packages: tuple[str, ...]) -> Path:
    """Give the folder that holds the packages; install them there if it does not exist."""
    from platformdirs import user_cache_path

    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    name = "+".join((*packages, python)).replace("==", "-").replace("<", "below")
    folder = user_cache_path("particlebridge") / "packages" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{name}.lock")):
        if not folder.is_dir():
            partial = folder.with_name(f"{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            _install(packages, partial)
            partial.rename(folder)
    return folder


def _install(packages: tuple[str, ...], folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        python = sys.executable
        if importlib.util.find_spec("pip") is None:  # environments made by uv have none
            try:
                venv.create(scratch, with_pip=True)
            except (OSError, subprocess.SubprocessError) as error:
                raise RuntimeError(f"there is no pip to install {packages[0]}") from error
            python = str(Path(scratch) / ("Scripts" if os.name == "nt" else "bin") / "python")
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                   "--only-binary=:all:", "--target", str(folder), *packages]  # fmt: skip
        try:
            ended = call(command, {**os.environ, "PYTHONPATH": ""})
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{packages[0]} did not install within {SECONDS} s") from error
    if ended.returncode:
        raise RuntimeError(f"{packages[0]} could not be installed ({last_line(ended)})")
