"""A run of a generated electrode to review, made once; each test gets a copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fused_run import fused_run, generated
from particlebridge.bridge import ReviewSession


@pytest.fixture(scope="session")
def reviewed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fused_run(tmp_path_factory.mktemp("window"), generated()).parent


@pytest.fixture
def results(reviewed_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(reviewed_once, tmp_path / "work")
    return tmp_path / "work" / "results"


@pytest.fixture
def session(results: Path) -> Iterator[ReviewSession]:
    with ReviewSession.open(results, by="napari") as opened:
        yield opened
