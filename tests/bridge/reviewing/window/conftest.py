"""A run of a generated electrode to review: each test gets a copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from particlebridge.bridge import ReviewSession


@pytest.fixture
def results(fused_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(fused_once, tmp_path / "work")
    return tmp_path / "work" / "results"


@pytest.fixture
def session(results: Path) -> Iterator[ReviewSession]:
    with ReviewSession.open(results, by="napari") as opened:
        yield opened
