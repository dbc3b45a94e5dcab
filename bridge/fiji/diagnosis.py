"""`doctor`: one table of what keeps a Fiji from running the models, and each line's fix."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import Check, check_folder, check_python
from .home import Endpoint, find_fiji

_TRIAL = "a real segmentation"


def doctor(fiji: str | os.PathLike[str] | None = None, *, run: bool = True) -> list[Check]:
    """Look for what is wrong with a Fiji and with what starts it.

    Parameters
    ----------
    fiji
        As for `find_fiji`.
    run
        Whether to segment a small image with the shipped model at the end, if nothing stands in
        the way, and to compare the result with the python engine's.

    Returns
    -------
    list of Check
        In the order of looking; never raises for what is wrong with a Fiji.

    Examples
    --------
    >>> from particlebridge.bridge import doctor
    >>> for check in doctor():  # doctest: +SKIP
    ...     print(check.status, check.name, check.found, check.fix)
    """
    checks = list(check_python())
    try:
        found = find_fiji(fiji)
    except FileNotFoundError as error:
        fix = "download Fiji from fiji.sc; name its folder in $FIJI_HOME or with --fiji"
        return [*checks, Check("Fiji", "problem", str(error), fix)]
    if isinstance(found, Endpoint):
        fix = "only a machine that reaches SciJava's Maven can tell; the last line tries it"
        checks.append(Check("Fiji", "warning", f"from Maven: {found.coordinates}", fix))
    else:
        checks += check_folder(found)
    if not run:
        return checks
    if any(check.status == "problem" for check in checks):
        fix = "fix the problems above, then run the doctor again"
        return [*checks, Check(_TRIAL, "warning", "not tried", fix)]
    return [*checks, _trial(found)]


def trial_image() -> NDArray[np.uint8]:
    """Draw the image of the trial: nine bright discs on grey, (96, 96) uint8."""
    y, x = np.mgrid[:96, :96]
    image = np.full((96, 96), 40.0)
    for k, (cy, cx) in enumerate((16 + 32 * i, 16 + 32 * j) for i in range(3) for j in range(3)):
        image[(y - cy) ** 2 + (x - cx) ** 2 < (8 + k % 4) ** 2] = 180
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _trial(fiji: Any) -> Check:
    from particlebridge.analysis import score
    from particlebridge.exporter import load_model

    from ..engines.protocol import Failure
    from ..engines.python import PythonEngine
    from .engine import FijiEngine

    image = trial_image()
    try:
        network = load_model("nmc")
        ((_, ours),) = PythonEngine(network).predict([image], [0])
        with FijiEngine("nmc", fiji=fiji) as engine:
            ((_, theirs),) = engine.predict([image], [0])
    except (RuntimeError, ValueError, OSError) as error:
        return Check(_TRIAL, "problem", str(error), "see the error and the lines above")
    if isinstance(theirs, Failure) or isinstance(ours, Failure):
        failure = theirs if isinstance(theirs, Failure) else ours
        assert isinstance(failure, Failure)
        return Check(_TRIAL, "problem", failure.reason, "see the lines above")
    same = float(np.mean(ours.labels == theirs.labels))
    found = f"Fiji {theirs.labels.max()}, python {ours.labels.max()} particles, {same:.2%} alike"
    if same < 0.999:
        agree = score(theirs.labels, ours.labels)
        fix = f"they should be equal ({agree}); report it with this table"
        return Check(_TRIAL, "problem", found, fix)
    return Check(_TRIAL, "ok", found)


def as_text(checks: list[Check]) -> str:
    """Put the checks into plain lines, for a log or a report of a fault."""
    width = max((len(check.name) for check in checks), default=0)
    return "\n".join(
        f"{check.status:<8} {check.name:<{width}}  {check.found}"
        + (f"\n{'':<{width + 11}}-> {check.fix}" if check.fix else "")
        for check in checks
    )
