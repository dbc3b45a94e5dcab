"""Pieces on Dask workers: the same results, deaths survived, failures listed."""

import os
import signal
import socket
import time
from pathlib import Path

import dask
import numpy as np
import psutil
import pytest
from particlebridge.bridge.runs import dask_runner
from particlebridge.bridge.runs.dask_cluster import slurm_cluster
from particlebridge.bridge.runs.dask_runner import DaskRunner, open_runner
from particlebridge.bridge.runs.scheduling import FailedTask, InProcess, report_progress


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


def _one_deadly(number: int) -> int:
    """Kill the worker, for piece 1; the others take long enough to be under way beside it."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.3)
    return number


PIECES = {f"piece {i}": i for i in range(4)}


@pytest.fixture(scope="module")
def cluster():
    with open_runner("local", workers=2) as runner:
        yield runner


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
    assert done["piece 2"] == FailedTask("piece 2", "slice 2 is all NaN")
    assert [done[f"piece {i}"] for i in (0, 1, 3)] == [0, 1, 3]


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_what_dies_with_its_worker_is_done_by_another(cluster: DaskRunner, tmp_path: Path) -> None:
    done = dict(cluster.run(_deadly, {"deadly piece": (tmp_path / "mark", 7)}))
    assert done == {"deadly piece": 7}
    assert any("died over deadly piece" in told for told in cluster.deaths)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_piece_that_kills_every_worker_is_given_up_alone(cluster: DaskRunner) -> None:
    pieces = {f"piece {i}": i for i in range(8)}
    done = dict(cluster.run(_one_deadly, pieces))
    lost = done.pop("piece 1")
    assert isinstance(lost, FailedTask)
    assert "2 workers died over it with no other task running" in lost.reason
    assert done == {name: i for name, i in pieces.items() if i != 1}


def _preload(folder: Path, body: str) -> str:
    """Write what each worker process does when it starts; its path."""
    path = folder / "starts.py"
    path.write_text(f"import os, time\n\n\ndef dask_setup(worker):\n{body}\n")
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_workers_that_do_not_come_back_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_runner, "_JOINING", 0.05)
    mark = tmp_path / "dead"
    preload = _preload(tmp_path, f"    if os.path.exists({str(mark)!r}):\n        os._exit(1)")
    with (
        dask.config.set({"distributed.worker.preload": [preload]}),
        open_runner("local", workers=1) as runner,
        pytest.raises(RuntimeError, match=r"none restarted.*run the same command again"),
    ):
        dict(runner.run(_deadly, {"piece": (mark, 1)}))


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_slow_start_is_no_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that follows a dead one starts only once it was looked for many times."""
    mark, looked = tmp_path / "dead", tmp_path / "looked"
    wait = (
        f"    while os.path.exists({str(mark)!r}) and not os.path.exists({str(looked)!r}):\n"
        "        time.sleep(0.01)"
    )
    monkeypatch.setattr(dask_runner, "_JOINING", 0.01)
    looks = []
    with (
        dask.config.set({"distributed.worker.preload": [_preload(tmp_path, wait)]}),
        open_runner("local", workers=1) as runner,
    ):
        asks = runner._expects_workers  # type: ignore[attr-defined]

        def counted() -> bool:
            looks.append(asks())
            if mark.exists() and not runner._client.nthreads() and len(looks) > 50:  # type: ignore[attr-defined]
                looked.touch()
            return looks[-1]

        runner._expects_workers = counted  # type: ignore[attr-defined]
        assert dict(runner.run(_deadly, {"piece": (mark, 1)})) == {"piece": 1}
    assert looked.exists()


def test_no_dashboard_listens(cluster: DaskRunner) -> None:
    """Whoever can reach a dashboard can read the names of files; none was asked for."""
    here = psutil.Process()
    listening = [c.laddr for c in here.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert listening  # the scheduler itself
    for address in listening:
        with socket.create_connection((address.ip, address.port), timeout=5) as asked:
            asked.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            asked.shutdown(socket.SHUT_WR)
            assert b"HTTP/" not in asked.recv(4096), address
    for worker in here.children(recursive=True):
        for held in worker.net_connections("tcp"):
            if held.status == psutil.CONN_LISTEN:
                assert held.laddr.ip in ("127.0.0.1", "::1"), held


def test_slurm_jobs_are_asked_for_as_dask_jobqueue_does() -> None:
    """No Slurm here: what sbatch would get is read, not submitted."""
    with dask.config.set(
        {"jobqueue.slurm.queue": "long", "jobqueue.slurm.account": "cathodes",
         "jobqueue.slurm.cores": 8, "jobqueue.slurm.walltime": "08:00:00",
         "jobqueue.slurm.job-script-prologue": ["module load java"]}
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
    assert "module load java" in lines
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False" in lines


@pytest.mark.parametrize(
    ("scheduler", "sentence"),
    [("lokal", "must be local, slurm or HOST:PORT"), ("127.0.0.1:1", "no Dask scheduler answers")],
)
def test_schedulers_that_are_none(scheduler: str, sentence: str) -> None:
    with pytest.raises((ValueError, OSError), match=sentence), open_runner(scheduler):
        pass


def test_results_are_kept_between_tries(tmp_path: Path) -> None:
    from particlebridge.bridge.runs.piece_store import KeptMap, PieceStore

    calls: list[int] = []

    def double(piece: int) -> tuple[np.ndarray, ...]:
        calls.append(piece)
        if piece == 2 and calls.count(2) == 1:
            raise KeyboardInterrupt
        return np.array([2 * piece]), np.array([piece > 1])

    first = KeptMap(PieceStore(tmp_path, "scratch", "key"), InProcess())
    with pytest.raises(KeyboardInterrupt):
        list(first(double, range(4)))
    again = KeptMap(PieceStore(tmp_path, "scratch", "key"), InProcess())
    assert [int(a[0]) for a, _ in again(double, range(4))] == [0, 2, 4, 6]
    assert calls == [0, 1, 2, 2, 3]
    assert (again.total, again.resumed) == (4, 2)
