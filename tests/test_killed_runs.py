"""kill -9 at any moment: the same command again gives the bytes of an undisturbed run.

In CI one run is killed several times in a row. ``PARTICLEBRIDGE_KILLS=30 pytest
tests/test_killed_runs.py`` also kills that many runs once each, at random moments spread over
the whole run, and writes what each kill hit to ``PARTICLEBRIDGE_KILLS_LOG``.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from killed_runs import attempt, contents, stage_under_way
from particlebridge.analysis import electrode
from particlebridge.bridge.writing import write_stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs forks and /proc")
SETTINGS = {"model": "nmc", "diameter": 22.0}
KILLS = int(os.environ.get("PARTICLEBRIDGE_KILLS", "0"))
LOG = os.environ.get("PARTICLEBRIDGE_KILLS_LOG", os.devnull)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = electrode((24, 64, 72), seed=3, radius=(6.0, 12.0))
    path = tmp_path_factory.mktemp("volumes") / "small.tif"
    write_stack(path, made.volume, made.volume.shape, np.uint16, made.spacing)
    return path


@pytest.fixture(scope="module")
def undisturbed(
    volume: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], float]:
    out = tmp_path_factory.mktemp("runs") / "run"
    finished, cpu = attempt(volume, out, **SETTINGS)
    assert finished
    assert len(pd.read_csv(out / "features.csv")) >= 15
    return contents(out), cpu


def test_killed_again_and_again_a_run_ends_as_if_undisturbed(
    volume: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path
) -> None:
    expected, cpu = undisturbed
    out = tmp_path / "run"
    kills = sum(not attempt(volume, out, share * cpu, **SETTINGS)[0] for share in (0.4, 0.7))
    assert kills
    assert attempt(volume, out, **SETTINGS)[0]
    assert contents(out) == expected


@pytest.mark.skipif(not KILLS, reason="minutes; asked for with PARTICLEBRIDGE_KILLS=30")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(KILLS))
def test_killed_once(
    volume: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path, number: int
) -> None:
    expected, cpu = undisturbed
    share = (number + np.random.default_rng(number).random()) / KILLS
    out = tmp_path / "run"
    finished, used = attempt(volume, out, share * cpu, **SETTINGS)
    stage = "finished before the kill" if finished else stage_under_way(out)
    left = sum(1 for f in out.rglob(".*.*") if f.is_file() and f.name != ".lock")
    attempt(volume, out, **SETTINGS)
    same = contents(out) == expected
    with Path(LOG).open("a") as log:
        log.write(f"| {number + 1} | {used:.2f} of {cpu:.2f} | {stage} | {left} | "
                  f"{'same bytes' if same else 'OTHER BYTES'} |\n")  # fmt: skip
    assert same
