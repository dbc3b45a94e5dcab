"""The smoothing that a run takes: given, or chosen from the measured noise; told and recorded."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from .._shared.progress import notice
from ..runs.run_folder import RunFolder
from ..volumes.images import Image
from ..volumes.smoothing import measure_noise

Smooth = float | Literal["auto"] | None


def check_smooth(smooth: Smooth) -> None:
    """Refuse what is no smoothing.

    Raises
    ------
    ValueError
        If it is neither ``auto`` nor a width in pixels.
    """
    if smooth in (None, "auto"):
        return
    if not isinstance(smooth, int | float) or not 0 < smooth <= 10:
        raise ValueError(
            f"smoothing is auto or a Gaussian's width above 0 and up to 10 pixels, not {smooth!r}"
        )


def image_blur(sigma: float, image: Image) -> tuple[float, float]:
    """Give the Gaussian along y and x of an image, pixels: its pixels need not be square."""
    height, width = image.pixel_size or (1.0, 1.0)
    finest = min(height, width)
    return sigma * finest / height, sigma * finest / width


def chosen_smoothing(
    smooth: Smooth, sample: Callable[[], list[np.ndarray]], unit: str, run: RunFolder
) -> float:
    """Find the width of the Gaussian before the network, and record it in run.json.

    Parameters
    ----------
    smooth
        As in `SegmentOptions`.
    sample
        Gives the slices whose noise is measured, if it is.
    unit
        What the width is told in, such as ``"voxel"``.
    run
        The folder.

    Returns
    -------
    float
        In pixels of the smallest side; 0: none.
    """
    if smooth is None:
        return 0.0
    if smooth != "auto":
        run.describe(smoothing={"sigma": float(smooth), "from": "given"})
        return float(smooth)
    noise = measure_noise(sample())
    how = f"a Gaussian of {noise.sigma:g} {unit}" if noise.sigma else "none"
    notice(
        f"smoothing before the network: {how} (noise {noise.deviation:.3g}, "
        f"{noise.ratio:.2g} of the step between particles and ground; --smooth sets it)"
    )
    run.describe(
        smoothing={
            "sigma": noise.sigma,
            "from": "auto",
            "noise": noise.deviation,
            "step": noise.step,
        }
    )
    return noise.sigma
