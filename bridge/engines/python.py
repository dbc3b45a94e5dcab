"""The embedded engine: the network in this process, the Fiji plugin's numerics around it."""

import importlib.metadata
import os
import platform
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from particlebridge import analysis
from particlebridge.analysis import Polygons, Prediction
from particlebridge.analysis._shared.memory import free_memory
from particlebridge.analysis._shared.parallel import thread_count
from particlebridge.exporter import Network, load_model

from .._shared.failures import item_errors, why_failed
from .memory_estimate import ENLARGED
from .protocol import Failure, GreyReach, Settings
from .stardist_numerics import predict_by_stardist
from .tiling import MAX_PIXELS, predict_tiled

if TYPE_CHECKING:
    from stardist.models import StarDist2D

_BORDER = 2
_LIBRARIES = {
    "onnx": ("onnxruntime",),
    "tensorflow": ("tensorflow", "keras", "stardist", "csbdeep"),
}
_NUMERICS = ("numpy", "pillow", "pyclipper")


class PythonEngine:
    """Segment slices in this process, with ONNX Runtime or TensorFlow 2.

    Parameters
    ----------
    model
        A `Network`, or what `load_model` takes.
    settings
        Thresholds, percentiles, scale and numerics; by default the model's own.
    max_pixels
        Larger images go through the network in pieces of this size, with the same result
        (StarDist's numerics: in StarDist's own tiles).

    Attributes
    ----------
    used
        The settings, with the model's own filled in.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_model`; also if StarDist's numerics are asked of a bundle.

    Examples
    --------
    >>> from particlebridge.analysis import score, training_slices
    >>> from particlebridge.bridge import PythonEngine
    >>> [(image, labels)] = training_slices(1, (160, 160), seed=1, diameter=48)
    >>> prediction = PythonEngine("nmc").segment(image)
    >>> prediction.labels.shape, prediction.labels.dtype
    ((160, 160), dtype('int32'))
    >>> score(labels.clip(0), prediction.labels).f1[0.5] > 0.8
    True
    """

    def __init__(
        self,
        model: "Network | str | os.PathLike[str] | StarDist2D",
        settings: Settings | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._max_pixels = max_pixels
        self._reach = GreyReach()
        self.settings = settings or Settings()
        self.network = _loaded(model, self.settings)
        if self.settings.numerics == "stardist" and self.network.stardist is None:
            raise ValueError(
                f"model {self.network.name} runs by the plugin's numerics only here; give the "
                "StarDist folder it was made from"
            )
        self.used = self.settings.effective(self.network.record)

    def predict(
        self, slices: Sequence[np.ndarray] | np.ndarray, indices: Iterable[int]
    ) -> Iterator[tuple[int, Prediction | Failure]]:
        """Segment slices in their order, several at once; see `Engine.predict`.

        Each slice is computed by one thread, so that its sums have one order whatever else the
        machine does. As many slices are under way as there are processors and as `max_pixels` of
        the network hold.
        """
        under_way: deque[tuple[int, Future[Prediction]]] = deque()

        def outcome() -> tuple[int, Prediction | Failure]:
            index, future = under_way.popleft()
            try:
                return index, future.result()
            except item_errors() as error:
                return index, Failure(index, why_failed(error))

        with ThreadPoolExecutor(thread_count()) as pool:
            try:
                for index in indices:
                    try:
                        image = np.asarray(slices[index])
                    except item_errors() as error:
                        yield from (outcome() for _ in range(len(under_way)))
                        yield index, Failure(index, why_failed(error))
                        continue
                    while len(under_way) >= self._at_once(image.shape):
                        yield outcome()
                    under_way.append((index, pool.submit(self.segment, image)))
                yield from (outcome() for _ in range(len(under_way)))
            finally:
                for _, future in under_way:
                    future.cancel()

    def segment(self, image: NDArray[Any]) -> Prediction:
        """Segment one image.

        Parameters
        ----------
        image
            (H, W), or (H, W, C) for a model of C channels.

        Returns
        -------
        Prediction

        Raises
        ------
        ValueError
            If the image does not suit the model, is empty or holds NaN or infinity.
        """
        channels = self.network.n_channels
        if image.ndim not in (2, 3) or (image.shape[2] if image.ndim == 3 else 1) != channels:
            raise ValueError(
                f"model {self.network.name} takes images of {channels} channel(s), "
                f"not an array of shape {image.shape}"
            )
        if image.size == 0:
            raise ValueError(f"the image is empty: its shape is {image.shape}")
        if not np.isfinite(image).all():
            raise ValueError("the image holds NaN or infinite values; mask or fill them first")
        image = self._reach(image, self.used.percentiles)
        shape = image.shape[0], image.shape[1]
        inner = analysis.resized_shape(shape, self.used.scale)
        self._check_size(shape, inner)
        scaled = analysis.resize(image, inner)
        scale = inner[0] / shape[0], inner[1] / shape[1]
        if self.settings.numerics == "stardist":
            polygons, prob, dist = predict_by_stardist(
                self.network,
                scaled,
                self.used.percentiles,
                self.used.prob_thresh,
                self.used.nms_thresh,
                self._max_pixels,
            )
        else:
            polygons, prob, dist = self._by_plugin(scaled)
        polygons = analysis.rescale_polygons(polygons, scale)
        mean = (dist @ analysis.ray_lengths(dist.shape[2], scale)) / dist.shape[2]
        grid = self.network.grid
        return Prediction(
            labels=analysis.paint(polygons, shape),
            prob=analysis.fill_grid(prob, grid, inner, shape),
            dist=analysis.fill_grid(mean.astype(np.float32), grid, inner, shape),
            polygons=polygons,
        )

    def versions(self) -> dict[str, Any]:
        """Return what run.json says about this engine."""
        names = (*_LIBRARIES[self.network.backend], *_NUMERICS)
        libraries = {name: _version(name) for name in names}
        return {
            "engine": "python",
            "backend": self.network.backend,
            "device": self.network.device,
            "numerics": self.settings.numerics,
            "model": self.network.name,
            "model_digest": self.network.digest,
            "python": platform.python_version(),
            **libraries,
            **self._reach.facts(),
        }

    def close(self) -> None:
        """Do nothing: the network lives in this process and may serve other engines."""

    def _at_once(self, shape: tuple[int, ...]) -> int:
        """Tell how many slices of this shape may be under way."""
        if self.settings.numerics == "stardist" or len(shape) < 2:
            return 1  # Keras' own predict is not made for several threads
        height, width = analysis.resized_shape((shape[0], shape[1]), self.used.scale)
        return min(thread_count(), max(1, self._max_pixels // max(1, height * width)))

    def _check_size(self, shape: tuple[int, ...], inner: tuple[int, int]) -> None:
        """Refuse an image that is enlarged beyond the memory that is free.

        Raises
        ------
        ValueError
            Before anything is allocated: the system would end the process without a word.
        """
        needed = ENLARGED * inner[0] * inner[1]
        if inner[0] * inner[1] > shape[0] * shape[1] and needed > free_memory():
            size = "" if self.settings.diameter is None else f" of {self.settings.diameter:.3g} px"
            raise ValueError(
                f"particles{size} enlarge an image of {shape[0]} x {shape[1]} pixels to "
                f"{inner[0]} x {inner[1]}, which takes {needed / 1e9:.3g} GB, more than is free; "
                "give the particles' --diameter, or crop the image"
            )

    def _by_plugin(self, image: NDArray[np.float32]) -> tuple[Polygons, NDArray, NDArray]:
        network = self.network
        normalized = analysis.normalize(image, self.used.percentiles)
        padded = analysis.pad_symmetric(normalized, network.multiple)
        prob, dist = predict_tiled(network, padded, self._max_pixels)
        found = analysis.candidates(
            prob, dist, self.used.prob_thresh, _BORDER, network.grid, image.shape[:2]
        )
        return found[analysis.suppress(found, self.used.nms_thresh)], prob, dist


def _loaded(model: "Network | str | os.PathLike[str] | StarDist2D", settings: Settings) -> Network:
    if isinstance(model, Network):
        return model
    return settings.load(model) if isinstance(model, str | os.PathLike) else load_model(model)


def _version(name: str) -> str:
    # The package for GPUs has another name than its module.
    if name == "onnxruntime":
        import onnxruntime

        return onnxruntime.__version__
    return importlib.metadata.version(name)
