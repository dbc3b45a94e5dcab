"""kill -9 at any moment: the same command again gives the bytes of an undisturbed run.

In CI one run of each format is killed several times in a row. By hand, ``PARTICLEBRIDGE_KILLS=30
pytest tests/pipeline/test_killed_runs.py`` also kills so many runs once each, at random moments
spread evenly over the stages (a third as many of ``--format zarr``), and one run of each format
before every kind of change it makes to a file. What each kill hit is written to
``PARTICLEBRIDGE_KILLS_LOG``."""

import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from killed_runs import Attempt, Change, Moment, attempt, contents, kept, stage_under_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs forks and /proc")
SETTINGS = {"model": "nmc", "diameter": 22.0}
KILLS = int(os.environ.get("PARTICLEBRIDGE_KILLS", "0"))
LOG = os.environ.get("PARTICLEBRIDGE_KILLS_LOG", os.devnull)
FORMATS = ("tiff", "zarr")
ONCE = [("tiff", n, KILLS) for n in range(KILLS)] + [
    ("zarr", n, KILLS // 3) for n in range(KILLS // 3)
]
by_hand = pytest.mark.skipif(not KILLS, reason="minutes; asked for with PARTICLEBRIDGE_KILLS=30")


Whole = Callable[[str], tuple[dict[str, str], Attempt]]


@pytest.fixture(scope="module")
def undisturbed(small_volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    @cache
    def run_whole(form: str) -> tuple[dict[str, str], Attempt]:
        out = tmp_path_factory.mktemp("runs") / form
        whole = attempt(small_volume, out, format=form, **SETTINGS)
        assert whole.finished
        assert len(pd.read_csv(out / "features.csv")) >= 10
        return contents(out), whole

    return run_whole


@pytest.mark.parametrize("form", FORMATS)
def test_killed_again_and_again_a_run_ends_as_if_undisturbed(
    small_volume: Path, undisturbed: Whole, tmp_path: Path, form: str
) -> None:
    expected, whole = undisturbed(form)
    kinds = list(dict.fromkeys(whole.changes))
    for place in np.linspace(0, len(kinds) - 1, 6).astype(int)[1:]:
        done = attempt(
            small_volume, tmp_path / form, Change(*kinds[place]), format=form, **SETTINGS
        )
        assert not done.finished, kinds[place]
    assert attempt(small_volume, tmp_path / form, format=form, **SETTINGS).finished
    assert contents(tmp_path / form) == expected


@by_hand
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("form", "number", "total"), ONCE)
def test_killed_once(
    small_volume: Path, undisturbed: Whole, tmp_path: Path, form: str, number: int, total: int
) -> None:
    expected, whole = undisturbed(form)
    ends = [*list(whole.began.values())[1:], whole.cpu]
    lasted = {s: end - begin for (s, begin), end in zip(whole.began.items(), ends, strict=True)}
    # By CPU time alone, half of all kills would hit the report and hardly one the fusion.
    stage = list(lasted)[number * len(lasted) // total]
    moment = Moment(stage, float(np.random.default_rng(number).random()) * lasted[stage])
    out = tmp_path / "run"
    killed = attempt(small_volume, out, moment, format=form, **SETTINGS)
    hit = "finished before the kill" if killed.finished else stage_under_way(out)
    stages, pieces = kept(out)
    again = attempt(small_volume, out, format=form, **SETTINGS)
    same = again.finished and contents(out) == expected
    _log(
        f"{form} {number + 1}",
        f"{moment.cpu:.2f} of {lasted[stage]:.2f} s of {stage}, {killed.cpu:.2f} s of the run",
        hit,
        stages,
        pieces,
        same,
    )
    assert same


@by_hand
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("form", FORMATS)
def test_killed_before_every_kind_of_change(
    small_volume: Path, undisturbed: Whole, tmp_path: Path, form: str, part: int
) -> None:
    expected, whole = undisturbed(form)
    out = tmp_path / form
    draw = np.random.default_rng(part)
    for what, name in list(dict.fromkeys(whole.changes))[part::3]:
        # One of the first: those of a run that was killed before are fewer.
        nth = int(draw.integers(1, min(whole.changes.count((what, name)), 3) + 1))
        done = attempt(small_volume, out, Change(what, name, nth), format=form, **SETTINGS)
        hit = "finished before the kill" if done.finished else stage_under_way(out)
        same = not done.finished or contents(out) == expected
        _log(f"{form}, before", f"{what} {name} ({nth})", hit, *kept(out), same)
        if done.finished:
            assert same
            shutil.rmtree(out)
    assert attempt(small_volume, out, format=form, **SETTINGS).finished
    assert contents(out) == expected


def _log(which: str, moment: str, hit: str, stages: int, pieces: int, same: bool) -> None:
    with Path(LOG).open("a") as log:
        said = "same bytes" if same else "OTHER BYTES"
        log.write(f"| {which} | {moment} | {hit} | {stages} | {pieces} | {said} |\n")
