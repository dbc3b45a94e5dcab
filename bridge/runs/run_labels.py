"""Whether the labels of a run, and their mask, are still as the run wrote them."""

from dataclasses import replace
from pathlib import Path

from .._shared.progress import notice
from ..volumes.label_records import check_replaceable, companion, misfit, recorded
from ..volumes.reading import Volume
from .run_folder import RunFolder


def check_fusion(run: RunFolder, stage: str, target: Path) -> None:
    """Refuse to fuse over labels, or their companions, that this run did not write as they are.

    Parameters
    ----------
    run
        Held by the caller.
    stage
        That writes `target`.
    target
        The label file.

    Raises
    ------
    ValueError
        Naming the file.
    """
    files = [companion(target, "solid"), companion(target, "fusion"), target]
    run.check_free({stage: files})
    # A stage under way, of whatever version, is the run's own.
    if "labels" in run.record.get("stages", {}).get(stage, {}):
        check_replaceable(files)


def was_changed(run: RunFolder, labels: Path, own: str) -> bool:
    """Tell whether labels are no longer as the run fused them, and say so.

    Parameters
    ----------
    run
        The folder.
    labels, own
        Its label file and the digest of what is in it now.
    """
    fused = run.record.get("stages", {}).get("fuse", {}).get("labels", own)
    if fused != own:
        notice(f"{labels}: was changed after fusing; the particles are measured as they are now")
    return bool(fused != own)


def made_by_older_version(labels: Path) -> bool:
    """Tell whether labels are of a run whose version recorded nothing of them."""
    if labels.stem != "labels" or not (labels.parent / "run.json").is_file():
        return False
    stage = RunFolder(labels.parent).record.get("stages", {}).get("fuse")
    return stage is not None and "labels" not in stage


def is_stale(mask: Path, labels: Path, digest: str, older: bool) -> bool:
    """Tell whether a run has to find its mask of material again, and say why.

    Parameters
    ----------
    mask
        Of the run; it may be gone.
    labels, digest
        The run's labels as they are now, and their digest.
    older
        Whether the run was made by a version that recorded no labels in masks.

    Raises
    ------
    ValueError
        If another program saved the mask: it may be somebody's work.
    """
    why = misfit(mask, labels, digest) if mask.exists() else "is gone"
    if why and mask.exists() and recorded(mask) is None and not older:
        raise ValueError(
            f"{mask}: {why}, so another program wrote it; delete it to have it found again, or "
            "measure with it: particlebridge measure --solid"
        )
    if why:
        notice(f"{mask}: {why}; material is found again from the grey values")
    return bool(why)


def as_known_to_run(stack: Volume, folder: Path) -> Volume:
    """Take back the side of 1 um that earlier versions recorded in labels of an unknown size.

    Parameters
    ----------
    stack
        Labels of the run, or of one of its views.
    folder
        Of the run; without a run.json nothing is taken back.
    """
    if stack.spacing_from != "metadata" or min(stack.spacing) != 1:
        return stack
    volume = RunFolder(folder).record.get("volume") if (folder / "run.json").is_file() else None
    known = volume.get("voxel_size_from") if isinstance(volume, dict) else None
    return replace(stack, spacing_from=known) if known in ("ratio", "unknown") else stack
