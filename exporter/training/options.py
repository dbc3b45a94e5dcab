"""The settings of a training, each checked: those of the paper, and ours around them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from .augmentation import Augmentation

_VOLUMES: dict[str, Any] = {"rays": 96, "patch": 96, "depth": 2, "batch": 1}


@dataclass(frozen=True)
class TrainOptions:
    """Settings of a training.

    Attributes
    ----------
    epochs, steps
        Training lasts at most `epochs` times `steps` batches.
    batch
        Patches in a batch.
    patch
        Side of a training patch, pixels. In 3-D the depth is `patch_depth`.
    patch_depth
        Slices of a 3-D training patch.
    rays
        Directions in which the network measures an object.
    grid
        The network predicts at every `grid`-th pixel of (y, x); 1, 2 or 4. In 3-D the slices
        keep a grid of 1.
    filters, depth
        Filters of the U-Net's first level, and its number of poolings.
    learning_rate
        None: 3e-4, or 1e-4 when a model is trained on.
    schedule
        ``plateau``: the learning rate is halved where the validation loss stalls, as StarDist does.
        ``cosine``: it rises over the first tenth of the steps (at most 200) and falls to zero
        along a cosine; gradients are clipped to a norm of 1.
    bfloat16
        Convolutions in bfloat16, 2.3 times faster on processors that have it; weights, heads and
        losses stay float32, and so does the finished model.
    validation
        Share of the images held out for choosing the best epoch and the thresholds; the seed of
        that choice is `split_seed`.
    unseen
        Share of the images kept out of all that, so that scores on them are a test. Of fewer than
        six images none is.
    percentiles
        Grey values mapped to 0 and 1, by the Fiji plugin's nearest-rank rule.
    patience
        Epochs without a better validation loss after which training ends; None: never.
    diameter
        Images are rescaled so that their typical particle is this many pixels across, and the
        model says so to whoever runs it. None: images keep their scale.
    augmentation
        How patches are changed; None: not at all.

    Raises
    ------
    ValueError
        If a setting lies outside its range; the sentence names it.

    References
    ----------
    Li et al., Science 376 (2022) 517, and the notebooks of stardist 0.9.

    Examples
    --------
    >>> from particlebridge.exporter import TrainOptions
    >>> TrainOptions(epochs=10, patch=128).steps
    100
    >>> TrainOptions.published(2).augmentation is None
    True
    """

    epochs: int = 50
    steps: int = 100
    batch: int = 4
    patch: int = 256
    patch_depth: int = 32
    rays: int = 32
    grid: tuple[int, int] = (2, 2)
    filters: int = 32
    depth: int = 3
    learning_rate: float | None = None
    schedule: Literal["plateau", "cosine"] = "plateau"
    bfloat16: bool = False
    validation: float = 0.15
    split_seed: int = 42
    percentiles: tuple[float, float] = (1.0, 99.8)
    patience: int | None = 20
    unseen: float = 0.1
    diameter: float | None = None
    augmentation: Augmentation | None = Augmentation()  # noqa: RUF009 - frozen

    @classmethod
    def augmented(cls, dims: int) -> "TrainOptions":
        """Return the published settings with augmentation, early stopping and unseen images."""
        return cls() if dims == 2 else cls(**_VOLUMES)

    @classmethod
    def published(cls, dims: int) -> "TrainOptions":
        """Return the settings of the notebook that came with the paper.

        All epochs, no augmentation, and every image for training or validation. For volumes
        StarDist's usual settings, likewise.
        """
        return replace(cls.augmented(dims), patience=None, unseen=0.0, augmentation=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", tuple(int(g) for g in self.grid))
        object.__setattr__(self, "percentiles", tuple(float(p) for p in self.percentiles))
        for name, lowest in (
            ("epochs", 1), ("steps", 1), ("batch", 1), ("patch", 16), ("patch_depth", 4),
            ("rays", 3), ("filters", 1), ("depth", 1), ("split_seed", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or value < lowest:
                raise ValueError(
                    f"{name} must be a whole number of at least {lowest}, not {value!r}"
                )
        if len(self.grid) != 2 or any(g not in (1, 2, 4) for g in self.grid):
            raise ValueError(f"grid must be two of 1, 2 and 4, such as (2, 2), not {self.grid}")
        for g in self.grid:
            step = g * 2**self.depth
            if self.patch % step:
                raise ValueError(
                    f"patch must be a multiple of {step} for grid {g} and depth {self.depth}, "
                    f"not {self.patch}"
                )
        if self.patch_depth % 2**self.depth:
            raise ValueError(
                f"patch_depth must be a multiple of {2**self.depth}, not {self.patch_depth}"
            )
        if not 0 <= self.unseen < 1 - self.validation:
            raise ValueError(
                "unseen must lie between 0 and what validation leaves, "
                f"{1 - self.validation:g}, not {self.unseen!r}"
            )
        if not 0 < self.validation < 1:
            raise ValueError(f"validation must lie between 0 and 1, not {self.validation!r}")
        if len(self.percentiles) != 2 or not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError(f"percentiles must rise within 0 to 100, not {self.percentiles}")
        if self.schedule not in ("plateau", "cosine"):
            raise ValueError(f"schedule must be plateau or cosine, not {self.schedule!r}")
        for name in ("learning_rate", "patience", "diameter"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")
