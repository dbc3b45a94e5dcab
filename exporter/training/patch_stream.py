"""An endless, numbered stream of training patches that StarDist's own training reads from.

StarDist draws patches with numpy's global random state, which cannot be continued after a kill.
Here patch number n depends on the seed and n alone, so a resumed training sees the very patches
that an uninterrupted one would have seen.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .augmentation import Augmentation, draw_patch


class PatchStream:
    """Patches in the order of their numbers.

    Parameters
    ----------
    images
        (..., H, W) or (..., H, W, C) float32 each, normalised, sizes may differ.
    labels
        (..., H, W) int32 each.
    patch
        Shape of a patch, without channels.
    seed
        Of the whole stream.
    augmentation
        None cuts only.
    first
        Number of the first patch to give.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        labels: Sequence[np.ndarray],
        patch: tuple[int, ...],
        seed: int,
        augmentation: Augmentation | None,
        first: int = 0,
    ) -> None:
        self._images, self._labels, self._patch = images, labels, patch
        self._seed, self._augmentation = seed, augmentation
        self._next = first

    def patch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return patch `number` as image and labels; images are visited equally often."""
        turn, place = divmod(number, len(self._images))
        chosen = np.random.default_rng([self._seed, 0, turn]).permutation(len(self._images))[place]
        return draw_patch(
            self._images[chosen],
            self._labels[chosen],
            self._patch,
            np.random.default_rng([self._seed, 1, number]),
            self._augmentation,
        )

    def views(self) -> tuple["_Column", "_Column"]:
        """Return what StarDist takes as X and Y: two columns of one stream.

        StarDist's generator reads Y, then X, then Y again where it looks for room to cut; so a
        reading of X moves the stream on, and a reading of Y shows the patch under way.
        """
        held: tuple[int, tuple[np.ndarray, np.ndarray]] | None = None

        def current() -> tuple[np.ndarray, np.ndarray]:
            nonlocal held
            if held is None or held[0] != self._next:
                held = self._next, self.patch(self._next)
            return held[1]

        def image() -> np.ndarray:
            image, _ = current()
            self._next += 1
            return image

        return _Column(image), _Column(lambda: current()[1])


class _Column:
    """A sequence of one item that is another one at each reading."""

    def __init__(self, item: Callable[[], np.ndarray]) -> None:
        self._item = item

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self._item()
