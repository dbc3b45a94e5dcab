"""Who does the pieces of a run: this process, or the workers of a Dask cluster."""

import logging
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from particlebridge.analysis.io.errors import reason

from .._shared.progress import notice

if TYPE_CHECKING:
    from distributed import Client, Future

_PROGRESS = "particlebridge"

_DEATHS = 2
"""Workers of ours that may die over a piece beside others, and again over it alone."""

_JOINING = 2.0
"""Seconds between two looks at how many workers there are."""

_STARTS = 3
"""Processes in a row that may end before one of them is a worker."""

_SLOW_START = "600s"
"""How long a worker of this machine may take to answer: with the processors busy, Python with
TensorFlow takes most of a minute to start, and Dask's own 30 seconds took that for a death."""

_NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""Without an address the scheduler's web server would listen on port 8787 of every interface."""

# Pieces are cut to fit the ceiling, and keep nothing on the worker: one that nears the ceiling has
# nothing to spill, and must not wait for memory to become free.
_WORKER_MEMORY: dict[str, Any] = {"target": False, "spill": False, "pause": False}


@dataclass(frozen=True)
class FailedTask:
    """A piece that could not be done, and why."""

    name: str
    reason: str


class Runner(Protocol):
    """Does pieces of work that do not depend on each other."""

    remote: bool

    def run(
        self,
        function: Callable[[Any], Any],
        pieces: Mapping[str, Any],
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple[str, Any]]:
        """Do each piece.

        Parameters
        ----------
        function
            Called with a piece; of a module, so that it can be sent, as what it takes and gives.
        pieces
            What to do, by name.
        advance
            Called with what the function gives to `report_progress`.

        Yields
        ------
        name : str
        result
            What the function returned, or a `FailedTask`; in any order.
        """
        ...


class InProcess:
    """Does one piece after the other, here; an error ends the run at once."""

    remote = False

    def run(
        self,
        function: Callable[[Any], Any],
        pieces: Mapping[str, Any],
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple[str, Any]]:
        """Do each piece; see `Runner.run`."""
        for name, piece in pieces.items():
            before, _here.advance = _here.advance, advance
            try:
                result = function(piece)
            finally:
                _here.advance = before
            yield name, result


class DaskRunner:
    """Sends pieces to the workers of a cluster; what is lost with a worker goes to another.

    A worker has one piece at a time. Dask blames a death on all that the worker had, and with
    several workers dying the innocent may be given up with the culprit; so what was given up is
    tried once more alone.

    Parameters
    ----------
    client
        Connected.
    expects_workers
        Tells whether a worker may still join when there is none; by default one always may, as
        with a scheduler that others started.
    """

    remote = True

    def __init__(
        self, client: "Client", expects_workers: Callable[[], bool] = lambda: True
    ) -> None:
        self._client = client
        self._expects_workers = expects_workers
        self._names: dict[str, str] = {}
        self._advance: Callable[[int], None] = lambda _: None
        self.deaths: list[str] = []
        client.subscribe_topic("all", self._on_event)
        client.subscribe_topic(_PROGRESS, lambda event: self._advance(int(event[1])))

    def run(
        self,
        function: Callable[[Any], Any],
        pieces: Mapping[str, Any],
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple[str, Any]]:
        """Do each piece; see `Runner.run`."""
        from distributed import KilledWorker

        self._advance = advance
        suspects = []
        for name, done, error in self._finished(function, pieces):
            if isinstance(error, KilledWorker):
                suspects.append(name)
            else:
                yield name, _failed(name, error) if error else done
        for name in suspects:
            notice(f"{name}: workers died; tried once more with no other task running")
            for _, done, error in self._finished(function, {name: pieces[name]}):
                yield name, _failed(name, error) if error else done

    def _finished(
        self, function: Callable[[Any], Any], pieces: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any, Exception | None]]:
        """Give each piece's outcome as it ends; never more are under way than there are workers."""
        token = uuid.uuid4().hex[:8]
        waiting = iter(pieces.items())
        under_way: dict[Future, str] = {}
        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        while True:
            # Asked first: a worker that joins between the two questions is then counted.
            expected = self._expects_workers()
            workers = len(self._client.nthreads())
            if not workers and not expected:
                raise RuntimeError(
                    "all worker processes have ended and none restarted; finished work is "
                    "kept: run the same command again"
                )
            room = max(1, workers) - len(under_way)
            for name, piece in islice(waiting, max(0, room)):
                key = f"{name}-{token}"
                self._names[key] = name
                future = self._client.submit(
                    _alone, function, piece, key=key, pure=False, retries=1
                )
                under_way[future] = name
                future.add_done_callback(ended.put)
            if not under_way:
                return
            try:
                future = ended.get(timeout=_JOINING)
            except queue.Empty:  # workers may have joined meanwhile
                continue
            yield under_way.pop(future), *_outcome(future)
            future.release()

    def close(self) -> None:
        """Listen no more to the cluster."""
        for topic in ("all", _PROGRESS):
            self._client.unsubscribe_topic(topic)

    def _on_event(self, event: tuple[float, Any]) -> None:
        facts = event[1]
        if not isinstance(facts, dict) or facts.get("action") != "remove-worker":
            return
        names = [self._names[str(k)] for k in facts.get("processing-tasks", ())
                 if str(k) in self._names]  # fmt: skip
        if names and not facts.get("expected"):
            told = f"worker {facts.get('worker')} died over {', '.join(sorted(names)[:3])}"
            self.deaths.append(told)
            notice(f"{told}: given to another worker")


_one = threading.Lock()


def _alone(function: Callable[[Any], Any], piece: Any) -> Any:
    """Do a piece when no other is under way in this process: a worker may have many threads."""
    with _one:
        return function(piece)


class _Here(threading.local):
    """Who listens to the piece that this thread does: runs may go on side by side."""

    advance: Callable[[int], None] | None = None


_here = _Here()


def report_progress(amount: int) -> None:
    """Tell whoever started this piece that so much of it is done."""
    if _here.advance is not None:
        _here.advance(amount)
        return
    from distributed import get_worker

    try:
        get_worker().log_event(_PROGRESS, amount)
    except ValueError:  # no worker: the function was called by hand
        return


@contextmanager
def open_runner(
    scheduler: str | None, workers: int | None = None, memory: int | None = None
) -> Iterator[Runner]:
    """Start what does the pieces.

    Parameters
    ----------
    scheduler
        None: this process. ``local``: worker processes on this machine. ``HOST:PORT``: a Dask
        scheduler that runs already. ``slurm``: Slurm jobs, through dask-jobqueue; cores, queue,
        walltime and account come from Dask's own configuration (jobqueue.slurm).
    workers
        How many; by default one for every two processors, or four Slurm jobs. A scheduler that
        runs already has its own.
    memory
        Bytes for each worker.

    Yields
    ------
    Runner

    Raises
    ------
    ValueError
        If there is no such scheduler, or dask-jobqueue is not installed.
    OSError
        If the scheduler does not answer.
    """
    if scheduler is None:
        yield InProcess()
        return
    from distributed import Client

    with _cluster(scheduler, workers, memory) as address:
        timeout = _SLOW_START if scheduler == "local" else "10s"
        try:
            client = Client(address, timeout=timeout, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise OSError(
                f"no Dask scheduler answers at {scheduler} ({reason(error)}); start one with "
                "'dask scheduler', or give --scheduler local"
            ) from error
        with client:
            if scheduler == "local":
                runner = DaskRunner(client, _Starts(address))
            else:
                runner = DaskRunner(client)
            try:
                yield runner
            finally:
                runner.close()


@contextmanager
def _cluster(scheduler: str, workers: int | None, memory: int | None) -> Iterator[Any]:
    """Give what a client connects to."""
    if scheduler == "local":
        import dask
        from dask.system import CPU_COUNT
        from distributed import LocalCluster

        limits = {**_WORKER_MEMORY, "terminate": 1.0}
        settings = {f"distributed.worker.memory.{k}": v for k, v in limits.items()}
        # A process of this machine that ends closes its connections: that tells its death at once.
        settings |= {f"distributed.comm.timeouts.{k}": _SLOW_START for k in ("connect", "tcp")}
        settings["distributed.scheduler.worker-ttl"] = None
        # After 15 seconds Dask would end what starts a worker again in place of one that died.
        settings["distributed.deploy.lost-worker-timeout"] = _SLOW_START
        with (
            dask.config.set(settings),
            LocalCluster(
                n_workers=workers or max(1, CPU_COUNT // 2),
                threads_per_worker=1,
                memory_limit=memory or "auto",
                scheduler_kwargs={**_NO_DASHBOARD, "allowed_failures": _DEATHS - 1},
                silence_logs=logging.ERROR,
            ) as local,
        ):
            yield _unwatched(local)
    elif scheduler == "slurm":
        with slurm_cluster(memory) as cluster:
            # Jobs that reach their walltime are followed by others.
            cluster.adapt(minimum_jobs=workers or 4, maximum_jobs=workers or 4)
            yield _unwatched(cluster)
    elif ":" in scheduler:
        yield scheduler if "://" in scheduler else f"tcp://{scheduler}"
    else:
        raise ValueError(f"scheduler is '{scheduler}'; it must be local, slurm or HOST:PORT")


class _Starts:
    """Tells whether a worker of a local cluster is still starting or will be started again.

    Dask starts a worker again as often as it ends. That counts, not the time that a start takes:
    where so many starts of every worker came to nothing, none will come.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._tried: set[int] = set()

    def __call__(self) -> bool:
        if self._cluster.scheduler_info["workers"]:
            self._tried.clear()
            return True
        nannies = [
            nanny
            for nanny in list(self._cluster.workers.values())
            if nanny.status.name in ("undefined", "created", "init", "starting", "running")
        ]
        self._tried |= {nanny.pid for nanny in nannies if nanny.pid}
        return bool(nannies) and len(self._tried) <= _STARTS * len(nannies)


def _unwatched(cluster: Any) -> Any:
    """Close the scheduler's web server, which Dask starts also where no dashboard is wanted."""
    cluster.scheduler.http_server.stop()
    return cluster


def slurm_cluster(memory: int | None = None) -> Any:
    """Make a cluster of Slurm jobs of one worker process each; none is submitted yet.

    Parameters
    ----------
    memory
        Bytes for each job; by default Dask's configuration (jobqueue.slurm.memory), else 16 GB.

    Returns
    -------
    dask_jobqueue.SLURMCluster
        Its ``job_script()`` is what sbatch will be given.

    Raises
    ------
    ValueError
        If dask-jobqueue is not installed.
    """
    try:
        import dask_jobqueue
    except ImportError:
        raise ValueError(
            "--scheduler slurm needs dask-jobqueue; install it with 'pip install "
            "particlebridge[slurm]'"
        ) from None
    import dask

    held = dask.config.get("jobqueue.slurm", {})
    setting = "export DASK_DISTRIBUTED__WORKER__MEMORY__{}={}"
    exports = [setting.format(name.upper(), value) for name, value in _WORKER_MEMORY.items()]
    return dask_jobqueue.SLURMCluster(
        cores=1,
        job_cpu=held.get("cores") or 4,
        processes=1,
        memory=f"{memory // 10**6} MB" if memory else held.get("memory") or "16 GB",
        job_name="particlebridge",
        job_script_prologue=[*(held.get("job-script-prologue") or ()), *exports],
        scheduler_options={**_NO_DASHBOARD, "allowed_failures": _DEATHS - 1},
    )


def _outcome(future: "Future") -> tuple[Any, Exception | None]:
    """Give what a piece returned, or why it is lost.

    A result goes with the worker that holds it. Dask then does the piece again, and workers may
    die over that too: asking for the result tells, the future's status does not.
    """
    try:
        return future.result(), None
    except Exception as error:
        return None, error


def _failed(name: str, error: Exception) -> FailedTask:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        deaths, last = error.allowed_failures + 1, error.last_worker.address
        error = RuntimeError(
            f"{deaths} workers died over it with no other task running, the last at {last}; "
            "do they lack memory?"
        )
    lost = FailedTask(name, reason(error))
    notice(f"{name} failed on its worker: {lost.reason}")
    return lost
