"""Dask clusters: worker processes of this machine, and Slurm jobs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DEATHS = 2
"""Workers of ours that may die over a piece beside others, and again over it alone."""

_STARTS = 3
"""Processes in a row that may end before one of them is a worker."""

SLOW_START = "600s"
"""How long a worker of this machine may take to answer: with the processors busy, Python with
TensorFlow takes most of a minute to start, and Dask's own 30 seconds took that for a death."""

_NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""Without an address the scheduler's web server would listen on port 8787 of every interface."""

# Pieces are cut to fit the ceiling, and keep nothing on the worker: one that nears the ceiling has
# nothing to spill, and must not wait for memory to become free.
_WORKER_MEMORY: dict[str, Any] = {"target": False, "spill": False, "pause": False}


@contextmanager
def open_cluster(scheduler: str, workers: int | None, memory: int | None) -> Iterator[Any]:
    """Give what a client connects to."""
    if scheduler == "local":
        import dask
        from dask.system import CPU_COUNT
        from distributed import LocalCluster

        limits = {**_WORKER_MEMORY, "terminate": 1.0}
        settings = {f"distributed.worker.memory.{k}": v for k, v in limits.items()}
        # A process of this machine that ends closes its connections: that tells its death at once.
        settings |= {f"distributed.comm.timeouts.{k}": SLOW_START for k in ("connect", "tcp")}
        settings["distributed.scheduler.worker-ttl"] = None
        # After 15 seconds Dask would end what starts a worker again in place of one that died.
        settings["distributed.deploy.lost-worker-timeout"] = SLOW_START
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


class LocalStarts:
    """Tells whether a worker of a local cluster is still starting or will be started again.

    Dask starts a worker again as often as it ends. That counts, not the time that a start takes:
    where so many starts of every worker came to nothing, none will come.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._tried: set[int] = set()

    def __call__(self) -> bool:
        """Tell whether there is a worker, or one may still come."""
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
