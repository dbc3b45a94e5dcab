"""Where the particles of a run lie as the machine fused them, and whether they are still so."""

from collections.abc import Mapping
from dataclasses import dataclass
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

FUSED = "fused"
"""The folder in a run's that keeps what the machine made once there are corrections."""

_TABLES = ("features.csv", "contacts.csv")


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
    places = [run.path / FUSED, run.path]
    files = [place / f"labels{suffix}" for place in places for suffix in SUFFIXES.values()]
    there = [file for file in files if file.exists()]
    for file in there:
        found = recorded(file)
        if found is not None and found.digest == digest:
            return FusedFiles(file, digest)
    if not there:
        raise FileNotFoundError(f"{files[-2]}: no such file; run 'particlebridge run' again")
    raise ValueError(
        f"{there[-1]}: is not as the run fused it: another program saved it; corrections begin "
        "with the labels as they were fused, so move it away and run 'particlebridge run' again"
    )


def check_unchanged(run: RunFolder, fused: FusedFiles) -> None:
    """Refuse fused labels whose voxels were changed by another program.

    Gigavoxels are not digested at each opening: what names, sizes and times of the files were when
    the voxels were last digested is remembered in run.json, and as long as they are the same the
    voxels are taken to be. A copied folder has other times, so it is digested once.

    Raises
    ------
    ValueError
        If they were.
    """
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
    tried = [Path(named), *(parent / named for parent in run.path.resolve().parents)]
    size = facts.get("voxel_size_um") if facts.get("voxel_size_from") == "given" else None
    for path in tried:
        # A dataset within a file is no path of its own.
        if not (path.exists() or Path(str(path).partition("::")[0]).is_file()):
            continue
        volume = open_volume(path, None if size is None else tuple(size))
        if tuple(volume.data.shape) != shape or str(volume.data.dtype) != facts.get("dtype"):
            raise ValueError(
                f"{path}: is not the volume of {run.path}: it has {volume.data.shape} voxels of "
                f"{volume.data.dtype}, not {shape} of {facts.get('dtype')}"
            )
        invert = any(str(note).endswith(INVERTED) for note in facts.get("notes", ()))
        return with_bright_particles(volume, invert)
    raise FileNotFoundError(
        f"{named}: the volume of {run.path} is not there any more; put it back, or run "
        "'particlebridge run' with its new place and the same --out"
    )


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
