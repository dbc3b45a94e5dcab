"""Large images through a network in overlapping pieces, with the same result as in one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 2048 * 2048
"""Up to this many pixels run in one piece: about 3 GB for a network of 32 filters."""


def predict_tiled(
    network: Any, image: NDArray[np.float32], max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run a network on an image of any size.

    Pieces overlap by more than the network can see and start where its poolings do, so that no
    grid point notices that the image was cut.

    Parameters
    ----------
    network
        A `Network`.
    image
        (H, W) or (H, W, C) float32, normalised and padded to the network's multiple.
    max_pixels
        The most pixels of one piece, unless its margins alone are more.

    Returns
    -------
    prob, dist
        As `Network.predict`.
    """
    height, width = image.shape[:2]
    if height * width <= max_pixels:
        return network.predict(image)
    step = network.multiple
    margins = [-(-reach // step) * step for reach in network.reach]
    side = int(np.sqrt(max_pixels))
    cores = [max(step, (side - 2 * margin) // step * step) for margin in margins]
    gy, gx = network.grid
    prob = np.empty((height // gy, width // gx), np.float32)
    dist = np.empty((*prob.shape, network.rays), np.float32)
    for y, inner_y in _pieces(height, cores[0], margins[0]):
        for x, inner_x in _pieces(width, cores[1], margins[1]):
            part_prob, part_dist = network.predict(image[y, x])
            target = _on_grid(y, inner_y, gy), _on_grid(x, inner_x, gx)
            source = _on_grid(slice(0), inner_y, gy), _on_grid(slice(0), inner_x, gx)
            prob[target] = part_prob[source]
            dist[target] = part_dist[source]
    return prob, dist


def _pieces(size: int, core: int, margin: int) -> Iterator[tuple[slice, slice]]:
    """Yield where each piece lies in the image, and where its core lies in the piece."""
    for start in range(0, size, core):
        stop = min(start + core, size)
        first, last = max(0, start - margin), min(size, stop + margin)
        yield slice(first, last), slice(start - first, stop - first)


def _on_grid(piece: slice, inner: slice, grid: int) -> slice:
    first = piece.start or 0
    return slice((first + inner.start) // grid, (first + inner.stop) // grid)
