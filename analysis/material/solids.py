"""Material and void inside bodies, from grey values."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import cc3d
import numpy as np
from scipy.ndimage import gaussian_filter

from .grey_levels import GreyLevels, grey_levels
from .modes import WINDOW
from .void_evidence import FOUND, NONE, Evidence
from .void_levels import LevelCounts

# A microscope's blur, voxels of the finest axis (full width at half maximum 1.6). The result
# hardly depends on it between 0.6 and 1.
_BLUR = 0.7
# Noise is smoothed until its standard deviation is this share of the step from solid to void...
_NOISE = 0.20
# ...by one of these Gaussians, voxels.
_SMOOTHINGS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
# A crack one voxel wide is blurred to half its depth: half the blur is undone, and somewhat less
# than half the step is void. Of generated electrodes this makes the mean Damage right.
_SHARPENING = 0.5
_VOID = 0.39
# Fewer void voxels than this, touching none, are noise.
_SPECK = 6
# Voxels that a voxel of the result may depend on, each way: three Gaussians and a speck.
_MARGIN = 16
# Edge of the blocks that are worked on one after the other: memory does not grow with the volume.
_BLOCK = 256
# Noise is judged in the middle of the volume, in so many voxels along each axis.
_SAMPLE = (48, 512, 512)

_Box = tuple[slice, ...]


class Solid(NamedTuple):
    """What of each body is material.

    Attributes
    ----------
    mask
        (Z, Y, X) bool. A body whose void cannot be told is taken as material throughout.
    void
        uint8, one per label: which of `void_evidence.WORDS` says what is known of its void.
    """

    mask: np.ndarray
    void: np.ndarray


class _Part(NamedTuple):
    """What a block lacks of whole bodies, with a margin; the block itself is `inner`."""

    block: _Box
    bodies: np.ndarray
    missing: np.ndarray
    inner: _Box


def find_solid(
    volume: np.ndarray, labels: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """Mark the voxels of each body that are material; the rest of it is void.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values; material is brighter than what surrounds it.
    labels
        (Z, Y, X) int32 bodies.
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        All of a body whose grey values do not show its void; `find_void` tells which those are.

    Examples
    --------
    >>> from particlebridge.analysis import electrode, find_solid
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> solid = find_solid(made.volume, made.labels, made.spacing)
    >>> solid.shape, solid.dtype, bool(solid[made.labels == 0].any())
    ((24, 48, 48), dtype('bool'), False)
    """
    return find_void(volume, labels, spacing).mask


def find_void(
    volume: np.ndarray, labels: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Solid:
    """Find the void in each body, and tell of which bodies it cannot be known.

    Parameters
    ----------
    volume, labels, spacing
        As for `find_solid`.

    Returns
    -------
    Solid

    Notes
    -----
    From the typical grey of a body's material and of its surroundings follows what a microscope
    would show if all bodies were whole: their picture, blurred. What is missing to it, in
    units of the step from solid to void, is 0 in material and 1 in wide voids; the blur of the
    outer surface, which a plain threshold takes for void, cancels. The difference is smoothed
    just enough for the noise measured inside bodies. From it each body's own two levels are read
    (pores are darker than the binder around a body), and with them the difference is taken once
    more, sharpened by half the blur, and cut at `_VOID`; specks of a few voxels are noise.

    Void needs evidence (`void_evidence`): the body's material must be one population of grey
    values that does not reach as far as void does, and more of the body must be too dark than
    is too bright by as much.

    Examples
    --------
    >>> from particlebridge.analysis import electrode, find_void
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> mask, void = find_void(made.volume, made.labels, made.spacing)
    >>> mask.shape, void.dtype
    ((24, 48, 48), dtype('uint8'))
    """
    levels = grey_levels(volume, labels)
    finest = min(spacing)
    scale = np.array([finest / s for s in spacing])
    smoothing = _needed_smoothing(volume, labels, levels, scale)
    counts = LevelCounts(len(levels.solid))
    for part in _parts(volume, labels, levels, scale, smoothing):
        counts.add(part.missing, part.bodies, part.inner)
    levels, is_bright = counts.refine(levels)
    evidence = Evidence(len(levels.solid))
    solid = np.zeros(labels.shape, bool)
    for part in _parts(volume, labels, levels, scale, smoothing):
        # Outside bodies nothing is missing, but its blur may reach there.
        missing = _sharpened(part.missing, scale)
        evidence.add(missing[part.inner], part.bodies[part.inner])
        void = (missing > _VOID) & (part.bodies > 0)
        # As bool, cc3d holds too few numbers for lone voxels in a slice or two.
        void = cc3d.dust(void.view(np.uint8), threshold=_SPECK, connectivity=26)
        solid[part.block] = (part.bodies[part.inner] > 0) & (void[part.inner] == 0)
    verdict = evidence.judge(_VOID, counts.deep, is_bright)
    whole = verdict != FOUND
    whole[0] = False
    for block in _blocks(labels.shape):
        solid[block] |= whole[labels[block]]
    verdict[~_holds_void(solid, labels, len(verdict)) & (verdict == FOUND)] = NONE
    return Solid(solid, verdict)


def _holds_void(solid: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """Tell which bodies are not material throughout."""
    found = np.zeros(n, bool)
    for block in _blocks(labels.shape):
        found[labels[block][~solid[block]]] = True
    return found


def _sharpened(missing: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Undo a part of the blur."""
    blurred = gaussian_filter(missing, _BLUR * scale)
    return (1 + _SHARPENING) * missing - _SHARPENING * blurred


def _parts(
    volume: np.ndarray, labels: np.ndarray, levels: GreyLevels, scale: np.ndarray, smoothing: float
) -> Iterator[_Part]:
    """Find block by block what is missing."""
    for block in _blocks(labels.shape):
        yield _part(volume, labels, levels, scale, block, smoothing)


def _blocks(shape: tuple[int, ...]) -> Iterator[_Box]:
    for start in itertools.product(*(range(0, n, _BLOCK) for n in shape)):
        yield tuple(slice(a, min(a + _BLOCK, n)) for a, n in zip(start, shape, strict=True))


def _part(
    volume: np.ndarray,
    labels: np.ndarray,
    levels: GreyLevels,
    scale: np.ndarray,
    block: _Box,
    smoothing: float,
) -> _Part:
    """Find what a block lacks of whole bodies, in units of the step from solid to void."""
    wide = tuple(slice(max(b.start - _MARGIN, 0), b.stop + _MARGIN) for b in block)
    bodies = labels[wide]
    whole = levels.solid[bodies].astype(np.float32)
    whole[bodies == 0] = levels.void[0]
    height = (levels.solid - levels.void)[bodies].astype(np.float32)
    missing = gaussian_filter(whole, _BLUR * scale)
    missing -= volume[wide]
    with np.errstate(divide="ignore", invalid="ignore"):
        missing /= height
    # Bodies no brighter than their surroundings show nothing.
    missing[(bodies == 0) | (height <= 0)] = 0
    if smoothing:
        missing = gaussian_filter(missing, smoothing * scale)
    inner = tuple(
        slice(b.start - w.start, b.stop - w.start) for b, w in zip(block, wide, strict=True)
    )
    return _Part(block, bodies, missing, inner)


def _needed_smoothing(
    volume: np.ndarray, labels: np.ndarray, levels: GreyLevels, scale: np.ndarray
) -> float:
    """Choose the least smoothing that brings the noise in material down to its share."""
    starts = [max(0, (n - size) // 2) for n, size in zip(labels.shape, _SAMPLE, strict=True)]
    middle = tuple(
        slice(a, min(a + size, n)) for a, n, size in zip(starts, labels.shape, _SAMPLE, strict=True)
    )
    part = _part(volume, labels, levels, scale, middle, 0.0)
    raw, body = part.missing, part.bodies[part.inner] > 0
    for smoothing in _SMOOTHINGS:
        smooth = gaussian_filter(raw, smoothing * scale) if smoothing else raw
        values = _sharpened(smooth, scale)[part.inner][body]
        if not values.size:
            return 0.0
        # Below its mode lies material only: void pulls the other way.
        mode = np.median(values)
        for _ in range(6):
            near = values[np.abs(values - mode) < WINDOW]
            # The median of a few voxels may lie between them.
            mode = near.mean() if near.size else mode
        noise = 1.4826 * np.median(mode - values[values <= mode])
        if noise <= _NOISE:
            return smoothing
    return _SMOOTHINGS[-1]
