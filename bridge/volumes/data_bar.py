"""The data bar under an electron micrograph: a flat strip with text, which is no sample."""

import numpy as np

_HIGHEST = 0.2
_LOWEST = 0.015
"""A bar's height in heights of the image."""

_FLAT = 0.97
_FILLED = 0.5
_SAMPLE = 0.3
"""Share of a row in the bar's grey: between its lines of text, in them, and in the sample."""

_NEAR = 3
"""Rows at the bar's edges that may hold its frame."""


def find_data_bar(pixels: np.ndarray) -> int:
    """Find a data bar by its looks, for files that do not record it.

    It is a strip over the whole width at the lower edge, of one grey that the sample above hardly
    shows, with lines of text in greys far from it. All of that is asked for: to take a sample's
    own dark edge for a bar would be worse than to miss a bar.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C) grey values.

    Returns
    -------
    int
        Rows of the bar, 0: none.
    """
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    height, width = grey.shape
    highest = int(_HIGHEST * height)
    if min(height, width) < 200 or grey.dtype.kind == "b":
        return 0
    # The bar is looked at against as much of the sample as it may be high.
    low = np.asarray(grey[height - 2 * highest :], np.float64)
    if not np.isfinite(low).all() or low.min() == low.max():
        return 0
    whole = np.asarray(grey[:: max(1, height // 256), :: max(1, width // 256)], np.float64)
    reach = float(np.nanmax(whole) - np.nanmin(whole))
    values, counts = np.unique(low[-highest // 8 :], return_counts=True)
    flat = values[np.argmax(counts)]
    share = (np.abs(low - flat) <= 0.012 * reach).mean(axis=1)
    rows = _rows_from_below(share)
    if not _LOWEST * height <= rows <= highest or rows < 10:
        return 0
    bar, above = low[-rows:], share[-rows - 5 : -rows]
    edges = max(share[-rows : -rows + _NEAR]), max(share[-_NEAR:])
    text = np.abs(bar - flat)[np.abs(bar - flat) > 0.012 * reach]
    clear = min(edges) >= _FLAT and above.mean() < _SAMPLE and share[:-rows].mean() < _SAMPLE
    lettered = 0.003 < text.size / bar.size < 0.4 and np.median(text) > 0.4 * reach
    return rows if clear and lettered and _lines_of_text(share[-rows:]) else 0


def _rows_from_below(share: np.ndarray) -> int:
    """Count the rows of the strip above the lower edge; a frame line may cross it."""
    filled = share[::-1] >= _FILLED
    rows, miss = 0, 0
    for number, is_filled in enumerate(filled, start=1):
        if is_filled:
            rows, miss = number, 0
        else:
            miss += 1
            if miss > _NEAR:
                break
    return rows


def _lines_of_text(share: np.ndarray) -> bool:
    """Tell whether rows with letters lie between rows without."""
    flat = share >= _FLAT
    inner = ~flat[_NEAR:-_NEAR] if len(flat) > 2 * _NEAR else ~flat
    return bool(flat.any() and inner.mean() > 0.1)
