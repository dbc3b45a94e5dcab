"""Who does the pieces of a run: this process, or the workers of a Dask cluster."""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from particlebridge.analysis.bad_files import reason

from .console import notice

if TYPE_CHECKING:
    from distributed import Client

_PROGRESS = "particlebridge"


@dataclass(frozen=True)
class LostPiece:
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
            What the function returned, or a `LostPiece`; in any order.
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
            _here.append(advance)
            try:
                result = function(piece)
            finally:
                _here.pop()
            yield name, result


class DaskRunner:
    """Sends pieces to the workers of a cluster; what is lost with a worker goes to another.

    Parameters
    ----------
    client
        Connected.
    """

    remote = True

    def __init__(self, client: "Client") -> None:
        self._client = client
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
        from distributed import as_completed

        self._advance = advance
        token = uuid.uuid4().hex[:8]
        futures = {}
        for name, piece in pieces.items():
            key = f"{name}-{token}"
            self._names[key] = name
            future = self._client.submit(_alone, function, piece, key=key, pure=False, retries=1)
            futures[future] = name
        for future in as_completed(list(futures), loop=self._client.loop):
            name = futures.pop(future)
            if future.status == "finished":
                yield name, future.result()
            else:
                lost = LostPiece(name, reason(_cause(future.exception())))
                notice(f"{name} failed on its worker: {lost.reason}")
                yield name, lost
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


_here: list[Callable[[int], None]] = []


def report_progress(amount: int) -> None:
    """Tell whoever started this piece that so much of it is done."""
    if _here:
        _here[-1](amount)
        return
    from distributed import get_worker

    try:
        get_worker().log_event(_PROGRESS, amount)
    except ValueError:  # no worker: the function was called by hand
        return


@contextmanager
def runner(
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
        try:
            client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise OSError(
                f"no Dask scheduler answers at {scheduler} ({reason(error)}); start one with "
                "'dask scheduler', or give --scheduler local"
            ) from error
        with client:
            hands = DaskRunner(client)
            try:
                yield hands
            finally:
                hands.close()


@contextmanager
def _cluster(scheduler: str, workers: int | None, memory: int | None) -> Iterator[Any]:
    """Give what a client connects to."""
    if scheduler == "local":
        from dask.system import CPU_COUNT
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=workers or max(1, CPU_COUNT // 2),
            threads_per_worker=1,
            memory_limit=memory or "auto",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as local:
            yield local
    elif scheduler == "slurm":
        with slurm_cluster(memory) as cluster:
            # Jobs that reach their walltime are followed by others.
            cluster.adapt(minimum_jobs=workers or 4, maximum_jobs=workers or 4)
            yield cluster
    elif ":" in scheduler:
        yield scheduler if "://" in scheduler else f"tcp://{scheduler}"
    else:
        raise ValueError(f"scheduler is '{scheduler}'; it must be local, slurm or HOST:PORT")


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
    return dask_jobqueue.SLURMCluster(
        cores=1,
        job_cpu=held.get("cores") or 4,
        processes=1,
        memory=f"{memory // 10**6} MB" if memory else held.get("memory") or "16 GB",
        job_name="particlebridge",
        scheduler_options={"dashboard_address": None},
    )


def _cause(error: BaseException | None) -> BaseException:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        deaths = error.allowed_failures + 1
        last = error.last_worker.address
        return RuntimeError(f"{deaths} workers died over it, the last at {last}; they lack memory?")
    return error or RuntimeError("no reason given")
