"""What runs in a process of its own: BioImage.IO's tests of a package, without a network.

`python -m particlebridge.exporter.runtimes.bioimageio_worker JOB` reads JOB/job.json and leaves
JOB/result.json, as `jvm_worker`.
"""

import os
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from .jobs import answer


def main(job: Path) -> None:
    """Do the job, see `answer`.

    Parameters
    ----------
    job
        A folder with job.json: the path of the package, and the formats of its weights.
    """
    answer(job, "native", _test)


def _test(task: dict[str, Any], job: Path, result: dict[str, Any]) -> None:
    os.environ["BIOIMAGEIO_CACHE_PATH"] = str(job / "cache")
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    from bioimageio.core import test_model
    from bioimageio.spec import InvalidDescr, load_description

    result["version"] = version("bioimageio.core")
    result["stage"] = "load"
    described = load_description(task["package"])
    if isinstance(described, InvalidDescr):
        raise ValueError(_problems(described.validation_summary))
    result["stage"] = "run"
    for weights in task["formats"]:
        summary = test_model(described, weight_format=weights)
        if summary.status != "passed":
            raise ValueError(f"{weights}: {_problems(summary)}")


def _problems(summary: Any) -> str:
    errors = [error for detail in summary.details for error in detail.errors]
    told = [f"{'.'.join(map(str, error.loc))}: {error.msg}" for error in errors]
    return "; ".join(told)[:500] or f"{summary.status}"


def _refuse(*_: object) -> NoReturn:
    raise OSError("no network in this test")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
