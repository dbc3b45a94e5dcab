"""A StarDist 2-D model, wherever it came from and whatever computes it: pixels to rays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .record import ModelRecord, Thresholds

if TYPE_CHECKING:
    from stardist.models import StarDist2D

Backend = Literal["onnx", "tensorflow"]
Device = Literal["cpu", "cuda"]
DeviceChoice = Literal["auto"] | Device
"""Where a network is computed; auto: on an Nvidia GPU where the backend has one."""

PLUGIN_MULTIPLE = 64
"""StarDist's plugin pads images to multiples of it, and asks the model nothing."""


@dataclass(frozen=True, eq=False)
class Network:
    """A loaded StarDist 2-D model.

    Attributes
    ----------
    name
        Name of the folder, bundle or object it came from.
    n_channels
        Channels of an image.
    rays
        Rays per polygon.
    grid
        (y, x) pixels between the grid points at which the network predicts.
    record
        Thresholds, percentiles, training diameter and digest, defaults filled in.
    multiple
        Padded images have sides that are multiples of this, pixels.
    stardist
        The StarDist2D object, or None where only a bundle or model.onnx is known.
    backend
        What computes it: "onnx" (ONNX Runtime) or "tensorflow".
    device
        Where: "cpu" or "cuda", an Nvidia GPU.
    """

    name: str
    n_channels: int
    rays: int
    grid: tuple[int, int]
    record: ModelRecord
    multiple: int
    stardist: "StarDist2D | None"
    _forward: Callable[[Any], tuple[Any, Any]] = field(repr=False)
    _reach: Callable[[], tuple[int, int]] = field(repr=False)
    backend: Backend = "tensorflow"
    device: Device = "cpu"

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds (prob, nms) that the model was tuned to, else 0.5 and 0.4."""
        return self.record.thresholds

    @property
    def percentiles(self) -> tuple[float, float]:
        """Lower and upper percentile of the normalisation."""
        return self.record.percentiles

    @property
    def diameter(self) -> float | None:
        """Typical particle diameter in the training images, pixels; None: not recorded."""
        return self.record.diameter

    @property
    def own_scale(self) -> bool:
        """Whether images are segmented at their own scale unless a diameter is given."""
        return self.record.own_scale

    @property
    def digest(self) -> str:
        """The sha256 (hex) of configuration and weights."""
        return self.record.digest

    def predict(
        self, image: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network on one image.

        Parameters
        ----------
        image
            (H, W) or (H, W, C) float32, normalised, sides multiples of `multiple`.

        Returns
        -------
        prob : (H / grid y, W / grid x) float32
            Object probability; grid point (i, j) is pixel (i * grid y, j * grid x).
        dist : (H / grid y, W / grid x, rays) float32
            Distances to the outline, pixels.

        Raises
        ------
        ValueError
            If the image's channels or sides do not suit.
        """
        if image.ndim == 2:
            image = image[..., None]
        if image.ndim != 3 or image.shape[2] != self.n_channels:
            raise ValueError(
                f"model {self.name} takes images of {self.n_channels} channel(s), "
                f"not an array of shape {image.shape}"
            )
        if any(side % self.multiple for side in image.shape[:2]):
            raise ValueError(
                f"model {self.name} takes sides that are multiples of {self.multiple}, "
                f"not {image.shape[:2]}; pad the image"
            )
        prob, dist = self._forward(image[None].astype(np.float32, copy=False))
        return np.asarray(prob)[0, ..., 0], np.asarray(dist)[0]

    @cached_property
    def reach(self) -> tuple[int, int]:
        """How far (y, x) in pixels a grid point can look: an upper bound."""
        return self._reach()
