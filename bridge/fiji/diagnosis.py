"""`doctor`: one table of what keeps a Fiji from running the models, and each line's fix."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from particlebridge.exporter.runtimes.java import Java, find_java

from .checks import (
    Check,
    check_crashed,
    check_display,
    check_heap,
    check_imagej_tensorflow,
    check_java,
    check_macros,
    check_native,
    check_plugin,
    check_processor,
    check_protobuf,
    check_python,
    java_or_none,
)
from .home import Endpoint, Fiji, find_fiji, version_key
from .jars import ONNX_RUNTIME, PLAIN_IMAGEJ, fetched

_TRIAL = "a real segmentation"
_OLDEST_ONNX = "1.12"
"""The first that knows the operators of our models (opset 17)."""


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
    if isinstance(found, Endpoint) and found.plain:
        checks += _plain_imagej()
    elif isinstance(found, Endpoint):
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


def check_folder(fiji: Fiji) -> Iterator[Check]:
    """Look at everything in a Fiji's folder."""
    yield Check("Fiji", "ok", f"{fiji.version or 'version unknown'}, {fiji.edition}, {fiji.home}")
    java = java_or_none(fiji)
    yield check_java(fiji, java)
    yield from check_heap(fiji)
    onnx = check_onnx(fiji)
    yield onnx
    for check in check_plugin_s_way(fiji, java):
        yield _needless(check) if onnx.status == "ok" else check
    yield check_display()
    yield check_macros(fiji)


def check_onnx(fiji: Fiji) -> Check:
    """Look for ONNX Runtime: with it our bundles need no StarDist, CSBDeep or TensorFlow."""
    versions = fiji.jar_versions(ONNX_RUNTIME.artifact)
    if not versions:
        fix = (
            "particlebridge fiji install-macros, or put "
            f"{ONNX_RUNTIME.coordinates} of Maven Central into {fiji.home / 'jars'}"
        )
        return Check("ONNX Runtime", "warning", "not installed; models need the plugin", fix)
    found = ", ".join(versions)
    if len(versions) > 1:
        return Check("ONNX Runtime", "problem", found, "delete all but the newest onnxruntime jar")
    if version_key(found) < version_key(_OLDEST_ONNX):
        fix = f"{_OLDEST_ONNX} or newer is needed: update what brought it, or delete its jar"
        return Check("ONNX Runtime", "problem", f"{found}, too old", fix)
    return Check("ONNX Runtime", "ok", f"{found}: runs bundles of particlebridge export")


def check_plugin_s_way(fiji: Fiji, java: Java | None) -> Iterator[Check]:
    """Look at what the StarDist plugin needs."""
    yield check_processor(fiji, java)
    yield check_plugin(fiji, "CSBDeep", "csbdeep")
    yield check_plugin(fiji, "StarDist", "StarDist_")
    yield check_imagej_tensorflow(fiji, java)
    yield from check_crashed(fiji)
    yield check_native(fiji)
    yield check_protobuf(fiji)


def _needless(check: Check) -> Check:
    """Turn a problem of the StarDist plugin into a warning: ONNX Runtime does without it."""
    if check.status != "problem":
        return check
    return Check(check.name, "warning", check.found, f"for the StarDist plugin only: {check.fix}")


def _plain_imagej() -> list[Check]:
    """Look at what plain ImageJ needs."""
    try:
        java = find_java()
        jars = [fetched(jar).name for jar in PLAIN_IMAGEJ]
    except RuntimeError as error:
        return [Check("plain ImageJ", "problem", str(error), "see the error")]
    return [
        Check("Java", "ok", f"{java.version} in {java.home}"),
        Check("plain ImageJ", "ok", ", ".join(jars)),
    ]


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
