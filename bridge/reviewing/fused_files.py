"""Where the particles of a run lie as the machine fused them, and whether they are still so."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from particlebridge.analysis._shared.views import VIEWS, View

from .._shared.progress import inform, notice
from ..fusing.folder import SUFFIXES
from ..runs.run_folder import RunFolder, files_digest
from ..volumes.inversion import INVERTED, with_bright_particles
from ..volumes.label_records import companion, label_digest, recorded
from ..volumes.reading import Volume, open_volume
from ..volumes.stored_arrays import AnyArray
from .log import LOG

FUSED = "fused"
"""The folder in a run's that keeps what the machine made once there are corrections."""


@dataclass(frozen=True)
class FusedFiles:
    """The machine's own results in a run folder.

    Attributes
    ----------
    labels
        The label file; the others lie beside it.
    digest
        Of its labels.
    """

    labels: Path
    digest: str

    @property
    def solid(self) -> Path:
        """The mask of material."""
        return companion(self.labels, "solid")

    @property
    def fusion(self) -> Path:
        """The table of confidence."""
        return companion(self.labels, "fusion")

    @property
    def features(self) -> Path:
        """The table of particles."""
        return self.labels.with_name("features.csv")

    @property
    def contacts(self) -> Path:
        """The table of contacts."""
        return self.labels.with_name("contacts.csv")

    @property
    def all(self) -> list[Path]:
        """All of them, labels last."""
        return [self.solid, self.fusion, self.features, self.contacts, self.labels]


def find_fused(run: RunFolder) -> FusedFiles:
    """Find the labels that a run fused, in ``fused/`` or in the run folder itself.

    Parameters
    ----------
    run
        The folder.

    Raises
    ------
    FileNotFoundError, ValueError
        If there are none, or none that the run fused.
    """
    own = run.record.get("stages", {}).get("fuse", {})
    if not own:
        raise ValueError(
            f"{run.path}: holds no finished run; give a folder of results that 'particlebridge "
            "run' made"
        )
    digest = own.get("labels")
    if not isinstance(digest, str) or not own.get("key"):
        raise ValueError(
            f"{run.path}: its particles are not fused yet, or by a version that recorded nothing "
            "of them; run the same command 'particlebridge run' again"
        )
    there = [*labels_in(run.path / FUSED), *labels_in(run.path)]
    for file in there:
        found = recorded(file)
        if found is not None and found.digest == digest:
            return FusedFiles(file, digest)
    if not there:
        raise FileNotFoundError(
            f"{run.path / 'labels.tif'}: no such file; run 'particlebridge run' again"
        )
    raise ValueError(
        f"{there[-1]}: is not as the run fused it: another program saved it; corrections begin "
        "with the labels as they were fused, so move it away and run 'particlebridge run' again"
    )


def check_unchanged(run: RunFolder, fused: FusedFiles) -> None:
    """Refuse fused labels whose voxels were changed by another program.

    Gigavoxels are not digested at each opening. Files that nobody wrote to since the run noted that
    it had fused them are as they were. Others, such as copies, are digested once: run.json then
    remembers their names, sizes and times, and as long as these are the same the voxels are taken
    to be.

    Raises
    ------
    ValueError
        If they were.
    """
    if _last_written(fused.labels) <= _finished(run):
        return
    now = {"labels": fused.digest, "files": files_digest(fused.labels)}
    if run.record.get("reviewed_labels") == now:
        return
    inform(f"{fused.labels}: checking that its labels are as they were fused (once)")
    if label_digest(open_volume(fused.labels, holds="labels").data) != fused.digest:
        raise ValueError(
            f"{fused.labels}: was changed after fusing by another program; corrections begin with "
            "the labels as they were fused, so move it away and run 'particlebridge run' again"
        )
    run.describe(reviewed_labels=now)


def has_corrections(folder: Path) -> bool:
    """Tell whether the particles of a run were corrected, or once were."""
    return (folder / LOG).exists() or bool(labels_in(folder / FUSED))


def set_aside(run: RunFolder) -> None:
    """Move what the machine made into ``fused/``, where it stays as it is.

    A run that is killed over it goes on with what is left: labels are moved last, and what is in
    ``fused/`` already is not replaced.

    Parameters
    ----------
    run
        Held by the caller. A run that has not fused anything yet has nothing to move.

    Raises
    ------
    ValueError
        If the labels are not as the run fused them, or ``fused/`` holds files of others.
    """
    own = run.record.get("stages", {}).get("fuse", {})
    there = [*labels_in(run.path / FUSED), *labels_in(run.path)]
    if not own.get("key") or "labels" not in own or not there:
        return
    fused = find_fused(run)
    check_unchanged(run, fused)
    if fused.labels.parent != run.path:
        return
    inform(f"{run.path / FUSED}: keeps the particles as the machine fused them")
    (run.path / FUSED).mkdir(exist_ok=True)
    for file in fused.all:
        target = run.path / FUSED / file.name
        if file.exists() and target.exists():
            raise ValueError(
                f"{target}: was not written by a run in this folder; move it away, since the "
                "particles as they were fused are kept there"
            )
        if file.exists():
            file.rename(target)


def open_run_volume(run: RunFolder) -> Volume[AnyArray]:
    """Open the volume of a run as the run read it.

    Raises
    ------
    FileNotFoundError, ValueError
        If it is not there any more, or another one is.
    """
    facts: Mapping[str, Any] = run.record.get("volume") or {}
    named = facts.get("path")
    if not isinstance(named, str):
        raise ValueError(
            f"{run.path / 'run.json'}: names no volume; run 'particlebridge run' again"
        )
    shape = tuple(facts.get("shape", ()))
    # A path that is not absolute began where the run was started: above its results, or here.
    above = [parent / named for parent in run.path.resolve().parents]
    tried = [Path(named), *(path for path in above if path != Path(named).absolute())]
    notes = facts.get("notes", ())
    size = facts.get("voxel_size_um") if facts.get("voxel_size_from") == "given" else None
    fitting: list[Volume[AnyArray]] = []
    failed: list[Exception] = []
    for path in tried:
        # A dataset within a file is no path of its own.
        if not (path.exists() or Path(str(path).partition("::")[0]).is_file()):
            continue
        try:
            volume = open_volume(path, None if size is None else tuple(size))
        except (OSError, ValueError) as error:
            failed.append(error)
            continue
        if tuple(volume.data.shape) == shape and str(volume.data.dtype) == facts.get("dtype"):
            inverted = any(str(note).endswith(INVERTED) for note in notes)
            fitting.append(with_bright_particles(volume, inverted))
            continue
        failed.append(
            ValueError(
                f"{path}: is not the volume of {run.path}: it has {volume.data.shape} voxels of "
                f"{volume.data.dtype}, not {shape} of {facts.get('dtype')}"
            )
        )
    if len(fitting) > 1:
        # Voxels are read only where nothing else tells which volume it is.
        fitting = [v for v in fitting if v.digest == facts.get("digest")] or fitting
    if fitting:
        return _from_cubes(run, fitting[0])
    if failed:
        raise failed[0]
    raise FileNotFoundError(
        f"{named}: the volume of {run.path} is not there any more; put it back, or run "
        "'particlebridge run' with its new place and the same --out"
    )


def _from_cubes(run: RunFolder, volume: Volume[AnyArray]) -> Volume[AnyArray]:
    """Give a volume from its copy in cubes, where the run made one."""
    cubes = run.path / "volume.zarr"
    if not cubes.exists() or not run.record.get("stages", {}).get("copy in cubes", {}).get("key"):
        return volume
    copy = open_volume(cubes)
    return replace(volume, data=copy.data, stored=copy.stored)


def open_views(run: RunFolder) -> dict[View, AnyArray]:
    """Open the 2-D labels of the views that a run kept, each in its own order."""
    found: dict[View, AnyArray] = {}
    for view in VIEWS:
        for suffix in SUFFIXES.values():
            file = run.path / "views" / view / f"labels{suffix}"
            if file.exists():
                found[view] = open_volume(file, holds="labels").data
                break
    if not found:
        notice(f"{run.path}: its views are gone, so they cannot be shown beside the particles")
    return found


def _last_written(path: Path) -> float:
    """Tell when a file, or any file of a Zarr folder, was written last."""
    files = (f for f in path.rglob("*") if f.is_file()) if path.is_dir() else iter([path])
    return max((file.stat().st_mtime for file in files), default=math.inf)


def _finished(run: RunFolder) -> float:
    """Tell when a run noted that its labels were whole: in seconds, as files are dated."""
    try:
        noted = datetime.fromisoformat(run.record["stages"]["fuse"]["finished"])
    except (KeyError, TypeError, ValueError):
        return -math.inf
    # The note leaves out fractions of a second.
    return noted.timestamp() + 1


def labels_in(folder: Path) -> list[Path]:
    """List the label files in a folder, of either format."""
    files = [folder / f"labels{suffix}" for suffix in SUFFIXES.values()]
    return [file for file in files if file.exists()]
