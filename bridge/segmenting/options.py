"""What to segment with: the model, the views, the engine and its settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from particlebridge.analysis import VIEWS
from particlebridge.analysis._shared.views import View
from particlebridge.exporter import Network
from particlebridge.exporter.networks.loading import backend_of
from particlebridge.exporter.networks.network import Backend

from ..engines.protocol import Engine, Settings
from ..engines.tiling import MAX_PIXELS
from .every import Every, check_every
from .smoothing import Smooth, check_smooth

ModelSpec = str | os.PathLike[str]


@dataclass(frozen=True)
class SegmentOptions:
    """How slices are segmented.

    Attributes
    ----------
    model
        Shipped name (default: ``nmc``), StarDist folder, bundle.zip or .onnx; or a mapping of view
        to one of these.
    views
        Which views of a volume, out of ``xy``, ``xz``, ``yz``; all by default.
    engine
        ``python``, the default, or ``fiji``; never changed silently.
    fiji
        Fiji's folder or endpoint, for ``engine="fiji"``; None looks in the usual places.
    fiji_workers
        How many parallel Fiji instances, each with its own Java heap (default: 1).
    smooth
        Standard deviation of a Gaussian that blurs slices before the network, in pixels of the
        smallest side (of a volume across its slices, too); ``auto``: 1 where noise puts more than
        one pixel in twenty beyond the middle of the step between particles and ground, else none.
        None, the default: none. Fusion and features see the grey values as they are.
    every
        Of a volume's views, one of so many slices goes through the network; the others take the
        outlines of the nearest that did. ``auto``: as few as leave twelve to a typical particle.
        Default: 1.
    settings
        Thresholds, percentiles, diameter, numerics and backend.

    Raises
    ------
    ValueError
        If a view, an engine or a view's model is not there, no Fiji may work, or the smoothing is
        none.

    Examples
    --------
    >>> from particlebridge.bridge import SegmentOptions
    >>> SegmentOptions(model={"xy": "nmc", "xz": "other"}, views=("xz",)).model_of("xz")
    'other'
    """

    model: ModelSpec | Mapping[str, ModelSpec] = "nmc"
    views: tuple[View, ...] = VIEWS
    engine: str = "python"
    fiji: str | None = None
    fiji_workers: int = 1
    smooth: Smooth = None
    every: Every = 1
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "views", tuple(self.views))
        if not self.views or set(self.views) - set(VIEWS):
            raise ValueError(f"views must be out of {', '.join(VIEWS)}, not {self.views}")
        if self.engine not in ("python", "fiji"):
            raise ValueError(f"engine must be python or fiji, not {self.engine!r}")
        if self.engine == "fiji" and self.settings.device != "auto":
            raise ValueError("--device does nothing for --engine fiji; leave it out")
        if self.fiji_workers < 1:
            raise ValueError(f"fiji_workers must be at least 1, not {self.fiji_workers}")
        check_smooth(self.smooth)
        check_every(self.every)
        if isinstance(self.model, Mapping) and set(self.views) - set(self.model):
            missing = sorted(set(self.views) - set(self.model))
            raise ValueError(f"no model is named for view {missing[0]}")

    def model_of(self, view: str) -> str:
        """Name the model of a view."""
        return os.fspath(self.model[view] if isinstance(self.model, Mapping) else self.model)

    def load(self, view: str) -> Network:
        """Load the model of a view in this process; in Fiji another backend may compute it."""
        settings = self.settings
        if self.engine == "fiji":
            settings = replace(settings, backend="auto")
        return settings.load(self.model_of(view))

    def backend(self) -> Backend:
        """Tell what computes the networks in this process, TensorFlow if it computes any."""
        chosen = "auto" if self.engine == "fiji" else self.settings.chosen_backend
        models = {self.model_of(view) for view in self.views}
        backends = {backend_of(model, chosen) for model in models}
        return "tensorflow" if "tensorflow" in backends else "onnx"

    def as_settings(self) -> dict[str, Any]:
        """List everything for run.json."""
        # Fiji's instances change no result; the pixel size is that of each view.
        left_out = ("settings", "fiji_workers", "pixel_size")
        given = {**vars(self), **vars(self.settings)}
        given["model"] = {view: self.model_of(view) for view in self.views}
        return {name: value for name, value in given.items() if name not in left_out}

    def start(
        self, view: str, network: Network, settings: Settings, max_pixels: int = MAX_PIXELS
    ) -> Engine:
        """Start the engine that was asked for; it never changes silently."""
        if self.engine == "fiji":
            from ..fiji.engine import FijiEngine

            return FijiEngine(
                self.model_of(view), settings, fiji=self.fiji, workers=self.fiji_workers
            )
        from ..engines.python import PythonEngine

        return PythonEngine(network, settings, max_pixels)


def squareness(height: float, width: float, finest: float | None = None) -> tuple[float, float]:
    """Give a pixel's sides over the smallest side, as `Settings.pixel_size` wants them.

    They are rounded to four places: sizes that differ by less than any microscope tells need no
    other engine, and results are mapped back by the shapes of the images, not by this ratio.
    """
    finest = finest or min(height, width)
    return round(height / finest, 4), round(width / finest, 4)


def effective_settings(network: Network, settings: Settings, engine: str) -> dict[str, Any]:
    """List what a slice's result depends on besides its pixels, the model's defaults filled in."""
    # Without it a result is TensorFlow's, as all were before there was a choice; in Fiji, of what
    # it chose itself.
    backend = {"backend": "onnx"} if engine == "python" and network.backend == "onnx" else {}
    if engine == "fiji" and settings.backend != "auto":
        backend = {"backend": settings.backend}
    if engine == "python" and network.device != "cpu":
        backend["device"] = network.device
    return {
        "model": network.digest,
        "engine": engine,
        **backend,
        **settings.effective(network.record).key(),
    }
