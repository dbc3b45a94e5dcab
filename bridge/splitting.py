"""Particles of a volume that is segmented into phases already: what `split` does."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import Fusion, split_phase
from particlebridge.analysis.fusion.phase_split import BYTES_PER_VOXEL
from particlebridge.analysis.io.errors import check_memory

from ._shared.progress import inform, notice
from .fusing.published_maps import write_fusion
from .runs.run_folder import RunFolder
from .volumes.label_records import check_replaceable, companion
from .volumes.reading import open_volume
from .volumes.stored_arrays import planes
from .volumes.voxel_size import Spacing

_SEVERAL = 12


def split(
    phases: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    phase: int = 1,
    voxel_size: Spacing | None = None,
) -> Path:
    """Split one phase of a segmented volume into particles; `analysis.split_phase` takes arrays.

    Nothing is learnt and no grey value is looked at: particles are parted where the phase is thin.

    Parameters
    ----------
    phases
        A volume of whole numbers, one for each phase: any kind of file that `read_volume` takes.
    out
        Folder for labels.tif, fusion.csv (label and Volume; there are no views that could agree)
        and run.json.
    phase
        The number of the particles' phase.
    voxel_size
        (z, y, x) in micrometres; wins over what the file says.

    Returns
    -------
    Path
        labels.tif. It holds material only, so `measure` closes each particle to find its cracks
        (``labels_are="solid"``).

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be used, does not hold the phase, is too large for the memory that is
        free, or the folder holds files of others.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge import read_labels, split
    >>> z, y, x = np.indices((20, 20, 40))
    >>> balls = [(z - 10) ** 2 + (y - 10) ** 2 + (x - c) ** 2 <= 81 for c in (11, 28)]
    >>> np.save("phases.npy", np.where(balls[0] | balls[1], 2, 0).astype(np.uint8))
    >>> int(read_labels(split("phases.npy", "particles", phase=2)).max())
    2
    """
    volume = open_volume(phases, voxel_size)
    for doubt in volume.doubts:
        notice(doubt)
    needed = volume.data.size * (BYTES_PER_VOXEL + 1)
    check_memory(needed, volume.source, "splitting it in one piece", "crop it")
    mask = np.empty(volume.data.shape, bool)
    found: set[float] = set()
    for z, plane in enumerate(planes(volume.data)):
        mask[z] = plane == phase
        if len(found) <= _SEVERAL:
            found.update(np.unique(plane).tolist())
    if not mask.any():
        some = ", ".join(f"{value:g}" for value in sorted(found)[:_SEVERAL])
        raise ValueError(f"{volume.source}: holds no voxel of phase {phase}; it holds {some}")
    run = RunFolder(out)
    target = run.path / "labels.tif"
    files = [target, companion(target, "fusion"), companion(target, "solid")]
    key = {"volume": volume.digest, **volume.size_key, "spacing": volume.spacing, "phase": phase}
    with run.locked():
        if run.is_done("split", key, files[:2]):
            return target
        run.check_free({"split": files})
        check_replaceable(files)
        run.describe(volume=volume.facts, settings={"phase": phase})
        with run.stage("split", key) as notes:
            inform(f"splitting phase {phase}: {mask.mean():.1%} of the volume")
            labels = split_phase(mask, volume.spacing)
            sizes = np.bincount(labels.ravel())[1:]
            table = pd.DataFrame(
                {
                    "label": np.arange(1, sizes.size + 1, dtype=np.int32),
                    "Volume": sizes * float(np.prod(volume.spacing)),
                    "confidence": np.nan,
                }
            )
            write_fusion(Fusion(labels, None, table), target, volume.known_size)
            notes["particles"] = len(table)
            inform(f"{len(table):,} particles")
    return target
