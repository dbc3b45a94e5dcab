"""Whether the particles are bright, as every stage takes them, or dark: both are tried."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from particlebridge.analysis import Prediction
from particlebridge.exporter import Network

from .._shared.progress import notice
from ..engines.protocol import Settings
from ..engines.python import PythonEngine
from ..runs.run_folder import RunFolder
from ..volumes.inversion import inverted

_SIDE = 4
"""Sides of a crop, typical particles."""
_UNKNOWN = 256
"""Sides of a crop for a model that records no typical particle, pixels of the network."""
_MOST = 6
_COST = 0.04
"""Crops, in both polarities, take this share of the network's work on all slices at most."""
_SURER = 0.06
"""Inverted outlines must be more probable than those of the images as they are by this much..."""
_SEVERAL = 8
"""...and so many at least."""


@dataclass(frozen=True)
class Look:
    """What the network outlines in the crops: how many, and their mean probability by area."""

    objects: int
    probability: float


class Slices(Protocol):
    """Slices of a view, or images, and how many pixels all have together."""

    @property
    def pixels(self) -> int:
        """Of all together."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> np.ndarray: ...


def check_polarity(
    stacks: Sequence[Slices],
    settings: Sequence[Settings],
    network: Network,
    run: RunFolder,
) -> None:
    """Segment a few crops as they are and inverted; tell if the latter is clearly better.

    Nothing is inverted by itself. Where crops would be more than a few percent of the work,
    nothing is tried. What was found goes to run.json, once for a folder.

    Parameters
    ----------
    stacks
        The slices of each view, or images.
    settings
        Those of each stack.
    network
        The model.
    run
        The folder, held by the caller.
    """
    held = run.record.get("polarity", {})
    if network.digest not in held:
        side = _UNKNOWN if network.diameter is None else round(_SIDE * network.diameter)
        scales = [one.effective(network.record).scale for one in settings]
        work = sum(own.pixels * y * x for own, (y, x) in zip(stacks, scales, strict=True))
        count = min(_MOST, int(_COST * work / (2 * side**2)))
        engines = [PythonEngine(network, one) for one in settings]
        crops = list(_crops(stacks, scales, side, count))
        found: dict[str, Any] = {"crops": len(crops)}
        if crops:
            looks = {
                "as_it_is": _look([engines[k].segment(crop) for k, crop in crops]),
                "inverted": _look([engines[k].segment(inverted(crop)) for k, crop in crops]),
            }
            found |= {name: asdict(look) for name, look in looks.items()}
        run.describe(polarity={**held, network.digest: found})
    _tell(run.record["polarity"][network.digest])


def _crops(
    stacks: Sequence[Slices],
    scales: Sequence[tuple[float, float]],
    side: int,
    count: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut the middle out of slices of each stack in turn; gives the stack's place and the crop."""
    each = -(-count // len(stacks))
    for number in range(count):
        k = number % len(stacks)
        index = (number // len(stacks) + 1) * len(stacks[k]) // (each + 1)
        image = np.asarray(stacks[k][index])
        cut = []
        for size, factor in zip(image.shape, scales[k], strict=False):
            keep = min(size, max(1, round(side / factor)))
            cut.append(slice((size - keep) // 2, (size - keep) // 2 + keep))
        yield k, image[tuple(cut)]


def _look(predictions: Sequence[Prediction]) -> Look:
    areas = [np.bincount(p.labels.ravel(), minlength=len(p.polygons) + 1)[1:] for p in predictions]
    area = np.concatenate(areas)
    if not area.any():
        return Look(0, 0.0)
    sure = np.concatenate([p.polygons.prob for p in predictions])
    return Look(int(np.count_nonzero(area)), round(float(area @ sure / area.sum()), 3))


def _tell(found: Mapping[str, Any]) -> None:
    if "inverted" not in found:
        return
    as_is, turned = found["as_it_is"], found["inverted"]
    if turned["objects"] >= _SEVERAL and turned["probability"] > as_is["probability"] + _SURER:
        notice(
            "warning: the particles look darker than what is around them: in sample crops the "
            f"network outlines {turned['objects']} objects of mean probability "
            f"{turned['probability']:.2f} if the grey values are inverted, {as_is['objects']} of "
            f"{as_is['probability']:.2f} as they are; if so, run again with --invert into another "
            "folder"
        )
