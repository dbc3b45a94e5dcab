"""What every engine is: slices in, predictions out, one failure never ends a run."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Prediction, in_reach
from particlebridge.exporter import Network, load_model
from particlebridge.exporter.networks.loading import BackendChoice
from particlebridge.exporter.networks.record import ModelRecord

from .._shared.options import COMPUTED
from .._shared.progress import notice

NUMERICS = ("plugin", "stardist")
BACKENDS = ("auto", "onnx", "tensorflow")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Failure:
    """A slice that could not be segmented.

    Attributes
    ----------
    index
        The slice.
    reason
        One sentence: what is wrong and how to fix it.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge import Failure, PythonEngine
    >>> [(index, result)] = PythonEngine("nmc").predict([np.full((64, 64), np.nan)], [0])
    >>> isinstance(result, Failure), index
    (True, 0)
    """

    index: int
    reason: str


@dataclass(frozen=True)
class Settings:
    """How slices become labels; None means what the model says.

    Attributes
    ----------
    prob_thresh
        A pixel proposes an object above this probability, 0 to 1.
    nms_thresh
        Overlap (of the smaller area) above which the less probable object goes, 0 to 1.
    percentiles
        Lower and upper percentile of the normalisation.
    diameter
        Typical particle diameter, in pixels of size 1. Images are rescaled so that it becomes
        the model's training diameter; a model that records none ignores it. None: own scale.
    pixel_size
        (y, x) size of a slice's pixels in the unit of `diameter`; rectangular ones are resampled
        to squares for the network. For a view of a volume: its spacing over the finest spacing.
    numerics
        "plugin", the definition (docs/numerics.md), or "stardist", what StarDist2D's own
        predict_instances gives.
    backend
        What computes the network in the python engine: "onnx" (ONNX Runtime), "tensorflow", or
        "auto": ONNX Runtime where the model holds model.onnx.
    device
        Where the python engine computes the network: "cpu", "cuda" (an Nvidia GPU), or "auto": a
        GPU where the backend has one.

    Raises
    ------
    ValueError
        If a value is outside its range.

    Examples
    --------
    >>> from particlebridge.bridge import PythonEngine, Settings
    >>> engine = PythonEngine("nmc", Settings(diameter=24))
    >>> engine.used.scale
    (2.0, 2.0)
    """

    prob_thresh: float | None = None
    nms_thresh: float | None = None
    percentiles: tuple[float, float] | None = None
    diameter: float | None = None
    pixel_size: tuple[float, float] = field(default=(1.0, 1.0), metadata=COMPUTED)
    numerics: str = "plugin"
    backend: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("prob_thresh", "nms_thresh"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must lie within 0 to 1, not {value:g}")
        if self.percentiles is not None:
            low, high = self.percentiles
            if not 0 <= low < high <= 100:
                raise ValueError(f"percentiles must rise within 0 to 100, not {low:g}, {high:g}")
        if self.diameter is not None and not 1 <= self.diameter < 1e5:
            raise ValueError(f"the diameter must be at least 1 pixel, not {self.diameter:g}")
        if not all(0 < size < 1e5 for size in self.pixel_size):
            raise ValueError(f"pixel sizes must be positive, not {self.pixel_size}")
        if self.numerics not in NUMERICS:
            raise ValueError(f"numerics must be one of {NUMERICS}, not {self.numerics!r}")
        if self.backend not in BACKENDS:
            raise ValueError(f"backend must be one of {BACKENDS}, not {self.backend!r}")
        if self.device not in DEVICES:
            raise ValueError(f"device must be one of {DEVICES}, not {self.device!r}")
        if self.numerics == "stardist" and self.backend == "onnx":
            raise ValueError("StarDist's own numerics run by TensorFlow only; leave --backend out")

    def effective(self, record: ModelRecord) -> "EffectiveSettings":
        """Fill in what the model says: the only place where the two are put together."""
        thresholds = record.thresholds
        low, high = self.percentiles or record.percentiles
        y, x = self.pixel_size
        zoom = 1.0
        if record.diameter is not None and self.diameter is not None:
            zoom = record.diameter / self.diameter
        # As float: 22 and 22.0 are one setting, and finished slices are known by it.
        return EffectiveSettings(
            float(thresholds.prob if self.prob_thresh is None else self.prob_thresh),
            float(thresholds.nms if self.nms_thresh is None else self.nms_thresh),
            (float(low), float(high)),
            None if self.diameter is None else float(self.diameter),
            (float(y), float(x)),
            self.numerics,
            (zoom * y, zoom * x),
        )

    @property
    def chosen_backend(self) -> BackendChoice:
        """The backend; StarDist's own numerics need the StarDist object."""
        return "tensorflow" if self.numerics == "stardist" else self.backend  # type: ignore[return-value]

    def load(self, model: str | os.PathLike[str]) -> Network:
        """Load a model for the backend."""
        return load_model(model, self.chosen_backend, self.device)  # type: ignore[arg-type]


@dataclass(frozen=True)
class EffectiveSettings:
    """What slices are segmented with: `Settings`, the model's own where nothing was given.

    Attributes
    ----------
    prob_thresh, nms_thresh, percentiles, diameter, pixel_size, numerics
        As in `Settings`; only the diameter may be None.
    scale
        Network pixels per pixel of a slice, (y, x), before the result's size is rounded.

    Examples
    --------
    >>> from particlebridge.bridge import Settings
    >>> from particlebridge.exporter import load_model
    >>> used = Settings(diameter=24.0).effective(load_model("nmc").record)
    >>> used.prob_thresh, used.percentiles, used.scale
    (0.425, (1.0, 99.8), (2.0, 2.0))
    """

    prob_thresh: float
    nms_thresh: float
    percentiles: tuple[float, float]
    diameter: float | None
    pixel_size: tuple[float, float]
    numerics: str
    scale: tuple[float, float]

    def key(self) -> dict[str, Any]:
        """List what a slice's result depends on besides its pixels and the network."""
        settled = {name: value for name, value in vars(self).items() if name != "scale"}
        # As JSON has them: a run compares this with what run.json holds.
        return {n: list(v) if isinstance(v, tuple) else v for n, v in settled.items()}


class GreyReach:
    """Brings slices into reach of float32 before an engine takes them, and says so once."""

    def __init__(self) -> None:
        self._used = False

    def __call__(self, image: NDArray[Any], percentiles: tuple[float, float]) -> NDArray[Any]:
        """Give the image, or what `particlebridge.analysis.in_reach` makes of it."""
        values = in_reach(image, percentiles)
        if values is not image and not self._used:
            self._used = True
            low, high = np.percentile(image, percentiles)
            notice(
                f"grey values lie between {low:.3g} and {high:.3g}, where the plugin's float32 "
                "arithmetic takes an image for constant or overflows: shifted and multiplied for "
                "the network, which changes nothing else"
            )
        return values

    def facts(self) -> dict[str, Any]:
        """Return what run.json says about it."""
        return {"grey_values": "shifted and multiplied into float32's reach"} if self._used else {}


@runtime_checkable
class Engine(Protocol):
    """Segments slices; the Fiji and the Python engine are one method in two places.

    Examples
    --------
    >>> from particlebridge.analysis import training_slices
    >>> from particlebridge.bridge import Engine, PythonEngine
    >>> def count(engine: Engine, image) -> int:
    ...     [(_, prediction)] = engine.predict([image], [0])
    ...     return len(prediction.polygons)
    >>> [(image, _)] = training_slices(1, (96, 96), seed=1, diameter=48)
    >>> count(PythonEngine("nmc"), image) > 0
    True
    """

    def predict(
        self, slices: Sequence[np.ndarray] | np.ndarray, indices: Iterable[int]
    ) -> Iterator[tuple[int, Prediction | Failure]]:
        """Segment slices one by one.

        Parameters
        ----------
        slices
            Something that gives a (H, W) or (H, W, C) image for each index.
        indices
            Which slices, in which order.

        Yields
        ------
        index : int
        result : Prediction or Failure
            A slice that cannot be segmented is a Failure, and the next one follows.
        """
        ...

    def versions(self) -> Mapping[str, Any]:
        """Return what run.json says about this engine: its name, model and library versions."""
        ...

    def close(self) -> None:
        """End what the engine has started; it is not used afterwards."""
        ...
