"""What a training leaves in a model folder: thresholds, record, history, report."""

import importlib.metadata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from particlebridge.analysis.io.atomic import write_json

from ..networks.record import RECORD_NAME, ModelRecord, folder_digest
from .examples import Split
from .options import TrainOptions
from .result import TrainingResult

if TYPE_CHECKING:
    from .threshold_tuning import Evaluation

_VERSIONS = ("particlebridge", "stardist", "csbdeep", "tensorflow", "keras", "numpy", "scipy")


@dataclass(frozen=True)
class TrainingSettings:
    """Everything but the data that decides what comes out of a training."""

    start: str | None
    dims: int
    options: TrainOptions
    seed: int


def write_folder(
    folder: Path,
    config: Any,
    result: TrainingResult,
    settings: TrainingSettings,
    split: Split,
    evaluation: "Evaluation",
    unseen: "Evaluation | None",
) -> None:
    """Write what a model folder holds beside StarDist's own config.json and weights.

    Parameters
    ----------
    folder
        With the trained network.
    config
        StarDist's, of the network.
    result, settings, split, evaluation, unseen
        Of the training; on the held-out images, and on the unseen ones if there are any.
    """
    from .report import write_report

    (folder / "weights_last.h5").unlink(missing_ok=True)
    write_json(folder / "thresholds.json", asdict(result.thresholds))
    versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
    record = ModelRecord(
        thresholds=result.thresholds,
        numerics="plugin" if settings.dims == 2 else "stardist",
        percentiles=settings.options.percentiles,
        diameter=result.diameter,
        grid=tuple(config.grid)[-2:],
        rays=int(config.n_rays),
        digest=folder_digest(folder),
        own_scale=result.own_scale,
    )
    scales = {e.name: round(e.scale, 4) for e in (*split.train, *split.validation, *split.unseen)}
    more = {"seed": settings.seed, "versions": versions}
    # By how much the training images were enlarged to that diameter, lowest and highest.
    more["scale"] = [min(scales.values()), max(scales.values())]
    write_json(folder / RECORD_NAME, asdict(record) | more)
    told = asdict(settings) | {
        "versions": versions,
        "train": [example.name for example in split.train],
        "validation": [example.name for example in split.validation],
        "unseen": [example.name for example in split.unseen],
        "f1": _by_name(result.f1),
        "f1_unseen": None if result.f1_unseen is None else _by_name(result.f1_unseen),
        "f1_before": None if result.before is None else _by_name(result.before),
        "scale": scales,
        "notes": result.notes,
    }
    write_json(folder / "training.json", told)
    result.history.to_csv(folder / "history.csv", index=False)
    write_report(folder / "training.html", result, split, evaluation, unseen, told)


def _by_name(f1: dict[float, float]) -> dict[str, float]:
    return {f"{iou:g}": value for iou, value in f1.items()}
