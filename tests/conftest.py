"""Fixtures that several modules' tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The project's shared data (a real slice and recorded results), where they are at hand."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data (the real slice and the plugin's recorded results) is not here")
    return folder


@pytest.fixture(scope="session")
def real_fiji():
    """The folder of $FIJI_HOME with the present commands installed; afterwards it is as before."""
    from particlebridge.bridge import Fiji, find_fiji, install_macros, uninstall_macros
    from particlebridge.bridge.fiji_install import installed_version

    if not os.environ.get("FIJI_HOME"):
        pytest.skip("needs a Fiji with CSBDeep and StarDist: set FIJI_HOME")
    fiji = find_fiji()
    assert isinstance(fiji, Fiji)
    before, _ = installed_version(fiji.home)
    install_macros(fiji.home)
    yield fiji.home
    if not before:
        uninstall_macros(fiji.home)
