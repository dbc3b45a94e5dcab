"""Pieces on Dask workers: the same results, deaths survived, failures listed."""

import os
import signal
from pathlib import Path

import dask
import numpy as np
import pytest
from particlebridge.bridge.scheduling import (
    DaskRunner,
    InProcess,
    LostPiece,
    report_progress,
    runner,
    slurm_cluster,
)


def _square(number: int) -> int:
    report_progress(number)
    return number * number


def _deadly(piece: tuple[Path, int]) -> int:
    """Kill the worker at the first try."""
    mark, number = piece
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _broken(number: int) -> int:
    if number == 2:
        raise ValueError("slice 2 is all NaN")
    return number


def _always_deadly(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


PIECES = {f"piece {i}": i for i in range(4)}


@pytest.fixture(scope="module")
def cluster():
    # Dask gives a piece up after four deaths; two are enough to see it, and faster.
    few = dask.config.set({"distributed.scheduler.allowed-failures": 1})
    with few, runner("local", workers=2) as hands:
        yield hands


def test_here_one_after_the_other_with_progress() -> None:
    seen: list[int] = []
    done = dict(InProcess().run(_square, PIECES, seen.append))
    assert done == {f"piece {i}": i * i for i in range(4)}
    assert seen == [0, 1, 2, 3]


def test_workers_give_the_same_results_and_their_progress(cluster: DaskRunner) -> None:
    seen: list[int] = []
    done = dict(cluster.run(_square, PIECES, seen.append))
    assert done == {f"piece {i}": i * i for i in range(4)}
    assert set(seen) <= {0, 1, 2, 3}


def test_a_piece_that_fails_is_named_and_the_others_are_done(cluster: DaskRunner) -> None:
    done = dict(cluster.run(_broken, PIECES))
    assert done["piece 2"] == LostPiece("piece 2", "slice 2 is all NaN")
    assert [done[f"piece {i}"] for i in (0, 1, 3)] == [0, 1, 3]


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_what_dies_with_its_worker_is_done_by_another(cluster: DaskRunner, tmp_path: Path) -> None:
    done = dict(cluster.run(_deadly, {"deadly piece": (tmp_path / "mark", 7)}))
    assert done == {"deadly piece": 7}
    assert any("died over deadly piece" in told for told in cluster.deaths)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_piece_that_kills_every_worker_is_given_up(cluster: DaskRunner) -> None:
    lost = dict(cluster.run(_always_deadly, {"piece 1": 1}))["piece 1"]
    assert isinstance(lost, LostPiece)
    assert "2 workers died over it" in lost.reason
    assert dict(cluster.run(_square, PIECES))["piece 3"] == 9


def test_slurm_jobs_are_asked_for_as_dask_jobqueue_does() -> None:
    """No Slurm here: what sbatch would get is read, not submitted."""
    with dask.config.set(
        {"jobqueue.slurm.queue": "long", "jobqueue.slurm.account": "cathodes",
         "jobqueue.slurm.cores": 8, "jobqueue.slurm.walltime": "08:00:00"}
    ), slurm_cluster(memory=12 * 10**9) as cluster:  # fmt: skip
        script = cluster.job_script()
    lines = script.splitlines()
    assert lines[0].startswith("#!")
    assert "#SBATCH -J particlebridge" in lines
    assert "#SBATCH -p long" in lines
    assert "#SBATCH -A cathodes" in lines
    assert "#SBATCH --cpus-per-task=8" in lines
    assert "#SBATCH --mem=12G" in lines
    assert "#SBATCH -t 08:00:00" in lines
    assert "distributed.cli.dask_worker tcp://" in script
    assert "--nthreads 1 " in script


@pytest.mark.parametrize(
    ("scheduler", "sentence"),
    [("lokal", "must be local, slurm or HOST:PORT"), ("127.0.0.1:1", "no Dask scheduler answers")],
)
def test_schedulers_that_are_none(scheduler: str, sentence: str) -> None:
    with pytest.raises((ValueError, OSError), match=sentence), runner(scheduler):
        pass


def test_results_are_kept_between_tries(tmp_path: Path) -> None:
    from particlebridge.bridge.large_volume import KeptMap

    calls: list[int] = []

    def double(piece: int) -> tuple[np.ndarray, ...]:
        calls.append(piece)
        if piece == 2 and calls.count(2) == 1:
            raise KeyboardInterrupt
        return np.array([2 * piece]), np.array([piece > 1])

    first = KeptMap(tmp_path / "scratch", InProcess())
    with pytest.raises(KeyboardInterrupt):
        list(first(double, range(4)))
    again = KeptMap(tmp_path / "scratch", InProcess())
    assert [int(a[0]) for a, _ in again(double, range(4))] == [0, 2, 4, 6]
    assert calls == [0, 1, 2, 2, 3]
    assert (again.total, again.resumed) == (4, 2)
