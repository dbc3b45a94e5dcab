"""Who does the work on volumes, within what memory, and what is written."""

from dataclasses import dataclass
from typing import Literal, get_args

Format = Literal["tiff", "zarr"]


@dataclass(frozen=True)
class WorkOptions:
    """Who does the work, within what memory, and what is written.

    Attributes
    ----------
    format
        ``tiff``, the default: stacks and labels are TIFF, fused and measured in memory. ``zarr``:
        they are OME-Zarr, fused and measured in blocks, so that volumes may be larger than memory.
    scheduler
        Dask's, that gives the pieces to other processes: ``local``, ``HOST:PORT`` of one that
        runs already, or ``slurm``. None: all is done in this process.
    workers
        How many processes a ``local`` or ``slurm`` scheduler starts; by default one for every two
        processors, or four Slurm jobs.
    memory
        Ceiling for each process, such as ``"8GB"``, or bytes; pieces are made to fit. By default
        none for TIFF, three quarters of this machine's memory for Zarr.

    Raises
    ------
    ValueError
        If the format is none of the two.

    Examples
    --------
    >>> from particlebridge.bridge import WorkOptions
    >>> WorkOptions("zarr", memory="8GB").workers is None
    True
    """

    format: Format = "tiff"
    scheduler: str | None = None
    workers: int | None = None
    memory: str | int | None = None

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise ValueError(f"format must be tiff or zarr, not {self.format!r}")
