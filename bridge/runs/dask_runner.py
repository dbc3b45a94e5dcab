"""Pieces of a run sent to the workers of a Dask cluster."""

import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from particlebridge.analysis.io.errors import reason

from .._shared.progress import notice
from .dask_cluster import SLOW_START, LocalStarts, open_cluster
from .scheduling import PROGRESS, FailedTask, InProcess, Runner

if TYPE_CHECKING:
    from distributed import Client, Future

_JOINING = 2.0
"""Seconds between two looks at how many workers there are."""


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
        client.subscribe_topic(PROGRESS, lambda event: self._advance(int(event[1])))

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
        for topic in ("all", PROGRESS):
            self._client.unsubscribe_topic(topic)

    def _on_event(self, event: tuple[float, Any]) -> None:
        facts = event[1]
        if not isinstance(facts, dict) or facts.get("action") != "remove-worker":
            return
        names = [
            self._names[str(k)] for k in facts.get("processing-tasks", ()) if str(k) in self._names
        ]
        if names and not facts.get("expected"):
            told = f"worker {facts.get('worker')} died over {', '.join(sorted(names)[:3])}"
            self.deaths.append(told)
            notice(f"{told}: given to another worker")


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


_one = threading.Lock()


def _alone(function: Callable[[Any], Any], piece: Any) -> Any:
    """Do a piece when no other is under way in this process: a worker may have many threads."""
    with _one:
        return function(piece)


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

    with open_cluster(scheduler, workers, memory) as address:
        timeout = SLOW_START if scheduler == "local" else "10s"
        try:
            client = Client(address, timeout=timeout, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise OSError(
                f"no Dask scheduler answers at {scheduler} ({reason(error)}); start one with "
                "'dask scheduler', or give --scheduler local"
            ) from error
        with client:
            if scheduler == "local":
                runner = DaskRunner(client, LocalStarts(address))
            else:
                runner = DaskRunner(client)
            try:
                yield runner
            finally:
                runner.close()
