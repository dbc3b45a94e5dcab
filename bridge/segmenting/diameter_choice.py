"""One particle diameter for all slices or images of a run: estimated once, told, kept."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis._shared.views import sampled_slices, view_spacing
from particlebridge.exporter import Network

from .._shared.failures import explained, item_errors
from .._shared.progress import notice
from ..runs.run_folder import RunFolder
from ..volumes.field_of_view import FieldOfView, fill_image
from ..volumes.images import Image, read_image
from ..volumes.inversion import inverted
from ..volumes.read_options import ReadOptions
from ..volumes.reading import Volume
from ..volumes.smoothing import smoothed, view_stack
from .chosen_diameter import Choice
from .diameter import choose_diameter
from .image_results import channels_of, check_channels, fitted
from .options import SegmentOptions
from .smoothing import chosen_smoothing, image_blur

_SAMPLE = 3
"""Slices or images from which the diameter is estimated."""


def volume_diameter(
    options: SegmentOptions,
    network: Network,
    volume: Volume,
    seen: FieldOfView,
    run: RunFolder,
    sigma: float = 0.0,
) -> float | None:
    """Find one particle diameter for all slices of a volume, once for a run folder.

    The slices are smoothed by `sigma`, as those that are segmented.

    Returns
    -------
    float or None
        In voxels of the smallest side; None: slices keep their scale.

    Raises
    ------
    ValueError
        If no particles are found to estimate it from; names the file and the fix.
    """
    if _is_settled(options, network, run):
        return _settled(options, network, run)
    spacing = volume.spacing
    sides = view_spacing(spacing, options.views[0])[1:]
    sample = _sample_of_volume(options, volume, seen, sigma)
    pixel_size = (sides[0] / min(spacing), sides[1] / min(spacing))
    return _chosen(sample, network, options, volume.source, run, "voxels", pixel_size)


def volume_smoothing(
    options: SegmentOptions, volume: Volume, seen: FieldOfView, run: RunFolder
) -> float:
    """Find the smoothing of a volume before the network, in smallest sides of a voxel."""
    return chosen_smoothing(
        options.smooth, lambda: _sample_of_volume(options, volume, seen, 0.0), "voxel", run
    )


def _sample_of_volume(
    options: SegmentOptions, volume: Volume, seen: FieldOfView, sigma: float
) -> list[np.ndarray]:
    view = options.views[0]
    stack = view_stack(volume.data, view, seen.fill, seen.mask, sigma, volume.spacing)
    return [np.asarray(stack[i]) for i in sampled_slices(len(stack), _SAMPLE)]


class SampledImages(Sequence[np.ndarray]):
    """A few images of a folder, which come from one instrument, read once when they are needed.

    Images that cannot be read are passed over: they fail later, by name.

    Parameters
    ----------
    files
        All images.
    network
        The model that they are for.
    reading
        How they are read.
    """

    sigma = 0.0
    """The Gaussian that they get, pixels; it is chosen once they are there."""

    def __init__(self, files: Sequence[Path], network: Network, reading: ReadOptions) -> None:
        self._files, self._network, self._reading = files, network, reading
        self._problem: Exception | None = None

    @cached_property
    def _held(self) -> list[tuple[np.ndarray, Image]]:
        files = self._files
        first = np.unique(np.linspace(0, len(files) - 1, _SAMPLE).astype(int))
        sample: list[tuple[np.ndarray, Image]] = []
        # Those in between stand in for any that cannot be read.
        for i in dict.fromkeys([*first.tolist(), *range(len(files))]):
            try:
                image = fitted(read_image(files[i]), self._network.n_channels)
                check_channels(image.source, channels_of(image), self._network)
                pixels = fill_image(image, self._reading.field_of_view)
            except item_errors() as error:
                self._problem = self._problem or error
                continue
            sample.append((inverted(pixels) if self._reading.invert else pixels, image))
            if len(sample) == len(first):
                break
        return sample

    @property
    def source(self) -> Path:
        """The last file of them; if none can be read, raises what is wrong with the first."""
        if not self._held:
            assert self._problem is not None
            raise self._problem
        return self._held[-1][1].source

    @property
    def pixels(self) -> int:
        """Of all images together, if the others are as large."""
        own = sum(pixels.shape[0] * pixels.shape[1] for pixels, _ in self._held)
        return own * len(self._files) // max(1, len(self))

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, index: Any) -> Any:
        pixels, image = self._held[index]
        return smoothed(pixels, image_blur(self.sigma, image))


def image_diameter(
    sample: SampledImages, options: SegmentOptions, network: Network, run: RunFolder
) -> float | None:
    """Find one for all images of a folder; as `volume_diameter`."""
    if _is_settled(options, network, run):
        return _settled(options, network, run)
    source = sample.source
    return _chosen(list(sample), network, options, source, run, "pixels", (1.0, 1.0))


def image_smoothing(sample: SampledImages, options: SegmentOptions, run: RunFolder) -> float:
    """Find the smoothing of images before the network, pixels; one for all of them."""

    def readable() -> list[np.ndarray]:
        assert sample.source
        return list(sample)

    return chosen_smoothing(options.smooth, readable, "pixel", run)


def _is_settled(options: SegmentOptions, network: Network, run: RunFolder) -> bool:
    given = options.settings.diameter is not None or network.diameter is None
    return given or network.digest in run.record.get("estimated_diameter", {})


def _settled(options: SegmentOptions, network: Network, run: RunFolder) -> float | None:
    """Give the diameter that is given or held; say what comes of a model that records none."""
    if network.diameter is None:
        given = options.settings.diameter
        what = "" if given is None else f", and --diameter {given:g} changes nothing"
        notice(
            f"model {network.name} records no particle diameter: slices keep their own scale{what}"
        )
        run.describe(scale={**run.record.get("scale", {}), network.digest: {"kept": True}})
        return given
    if options.settings.diameter is not None:
        return options.settings.diameter
    held: float = run.record["estimated_diameter"][network.digest]
    return held


def _chosen(
    sample: Sequence[np.ndarray],
    network: Network,
    options: SegmentOptions,
    source: Path,
    run: RunFolder,
    unit: str,
    pixel_size: tuple[float, float],
) -> float:
    try:
        choice = choose_diameter(
            sample, network, percentiles=options.settings.percentiles, pixel_size=pixel_size
        )
    except item_errors() as error:
        raise ValueError(f"{source}: {explained(error)} (--diameter)") from error
    notice(choice.told(unit))
    _record(choice, network, run)
    return choice.diameter


def _record(choice: Choice, network: Network, run: RunFolder) -> None:
    def more(name: str, value: Any) -> dict[str, Any]:
        return {**run.record.get(name, {}), network.digest: value}

    run.describe(
        estimated_diameter=more("estimated_diameter", choice.diameter),
        scale=more("scale", choice.as_record()),
    )
