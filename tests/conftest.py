"""Fixtures that several modules' tests share."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def shown_log() -> Iterator[None]:
    """Show the log on stderr as the command line does, and leave the logger as it was."""
    from particlebridge.bridge._shared.progress import show_log

    log = logging.getLogger("particlebridge")
    before = (list(log.handlers), log.level, log.propagate)
    show_log()
    yield
    log.handlers[:], log.level, log.propagate = before


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The project's shared data (a real slice and recorded results), where they are at hand."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data (the real slice and the plugin's recorded results) is not here")
    return folder


@pytest.fixture(scope="session")
def small_volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TIFF with a dozen particles, made to be run through the full pipeline in seconds."""
    from particlebridge.analysis import electrode
    from particlebridge.bridge.volumes.writing import write_stack

    made = electrode((16, 40, 44), seed=3, radius=(4.0, 7.0))
    path = tmp_path_factory.mktemp("volumes") / "small.tif"
    write_stack(path, made.volume, made.volume.shape, np.uint16, made.spacing)
    return path


@pytest.fixture(scope="session")
def fused_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with scan.tif and its fused run, results; who changes them copies it first."""
    from fused_run import fused_run, generated

    return fused_run(tmp_path_factory.mktemp("fused"), generated()).parent


@pytest.fixture(scope="session")
def real_fiji():
    """The folder of $FIJI_HOME with the present commands installed; afterwards it is as before."""
    from particlebridge.bridge import Fiji, find_fiji, install_macros, uninstall_macros
    from particlebridge.bridge.fiji.install import installed_version

    if not os.environ.get("FIJI_HOME"):
        pytest.skip("needs a Fiji with CSBDeep and StarDist: set FIJI_HOME")
    fiji = find_fiji()
    assert isinstance(fiji, Fiji)
    before, _ = installed_version(fiji.home)
    install_macros(fiji.home)
    yield fiji.home
    if not before:
        uninstall_macros(fiji.home)
