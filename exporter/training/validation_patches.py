"""Patches of the images held out, by which training chooses the best epoch."""

from collections.abc import Sequence

import numpy as np

from .augmentation import crop
from .examples import Example

_MOST = 64


def validation_patches(
    examples: Sequence[Example], patch: tuple[int, ...], seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cover the held-out images with patches, at most 64 of them, each annotated in part.

    Returns
    -------
    images, labels
        Each of shape `patch` (+ channels).
    """
    windows = []
    for number, example in enumerate(examples):
        starts = []
        for size, length in zip(example.labels.shape, patch, strict=True):
            count = -(-size // length)
            last = size - length
            centred = last // 2 if last < 0 else 0
            starts.append(
                [centred]
                if count == 1
                else np.linspace(0, last, count).round().astype(int).tolist()
            )
        windows += [
            (number, list(start))
            for start in np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1)
            .reshape(-1, len(patch))
            .tolist()
        ]
    partly = {k for k, example in enumerate(examples) if (example.labels < 0).any()}
    windows = [
        (k, start)
        for k, start in windows
        if k not in partly or _is_annotated(examples[k], start, patch)
    ]
    if len(windows) > _MOST:
        chosen = np.random.default_rng(seed).permutation(len(windows))[:_MOST]
        windows = [windows[k] for k in chosen]
    cut = [crop(examples[k].image, examples[k].labels, start, patch) for k, start in windows]
    return [x for x, _ in cut], [y.astype(np.int32) for _, y in cut]


def _is_annotated(example: Example, start: list[int], patch: tuple[int, ...]) -> bool:
    """Tell if a patch has a loss: the network predicts at every fourth pixel at least."""
    labels = crop(example.image, example.labels, start, patch)[1]
    return bool((labels[..., ::4, ::4] >= 0).any())
