"""Fixtures that several modules' tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The project's shared data (a real slice and recorded results), where they are at hand."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data (the real slice and the plugin's recorded results) is not here")
    return folder
