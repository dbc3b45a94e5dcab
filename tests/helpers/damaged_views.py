"""Views of a known truth, damaged by a stated random process: what fusion must fix.

In every slice of every view each object is dropped, cut in two through its centroid at a random
angle, or merged with an object that it touches, each with its own chance, and each object is
moved by up to `jitter` pixels along both axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from particlebridge.analysis import VIEWS, to_view
from particlebridge.analysis._shared.views import View
from scipy.ndimage import find_objects


@dataclass(frozen=True)
class Damage:
    drop: float = 0.10
    cut: float = 0.06
    merge: float = 0.04
    jitter: int = 1


HARD = Damage()


def damaged_views(
    truth: np.ndarray, damage: Damage = HARD, seed: int = 0, views: Sequence[View] = VIEWS
) -> dict[str, np.ndarray]:
    """View name -> stack of damaged 2-D labels, each slice numbered from 1 again."""
    rng = np.random.default_rng(seed)
    return {
        view: np.stack([damaged_slice(plane, damage, rng) for plane in to_view(truth, view)])
        for view in views
    }


def damaged_slice(plane: np.ndarray, damage: Damage, rng: np.random.Generator) -> np.ndarray:
    names, compact = np.unique(plane, return_inverse=True)
    compact = compact.reshape(plane.shape) + (names[0] != 0)
    height, width = plane.shape
    out = np.zeros((height, width), np.int32)
    pieces, partner = [], {}
    for label, box in enumerate(find_objects(compact), 1):
        mask = compact[box] == label
        y, x = np.nonzero(mask)
        y, x = y + box[0].start, x + box[1].start
        fate = rng.random()
        if fate < damage.drop:
            continue
        parts = [(y, x)]
        if fate < damage.drop + damage.cut:
            angle = rng.uniform(0, np.pi)
            side = (y - y.mean()) * np.cos(angle) + (x - x.mean()) * np.sin(angle) > 0
            parts = [(y[side], x[side]), (y[~side], x[~side])]
        elif fate < damage.drop + damage.cut + damage.merge:
            near = touching(compact, label, y, x)
            if near.size:
                partner[label] = rng.choice(near)
        pieces += [(label, part) for part in parts]
    number: dict[int, int] = {}
    for k, i in enumerate(rng.permutation(len(pieces)), 1):
        label, (y, x) = pieces[i]
        dy, dx = rng.integers(-damage.jitter, damage.jitter + 1, 2)
        y, x = y + dy, x + dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        name = partner.get(label, label)
        merged = label in partner or label in partner.values()
        value = number.setdefault(name, k) if merged else k
        out[y[inside], x[inside]] = value
    return out


def touching(compact: np.ndarray, label: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Objects within one pixel of an object."""
    top, left = max(y.min() - 1, 0), max(x.min() - 1, 0)
    crop = compact[top : y.max() + 2, left : x.max() + 2]
    mask = np.pad(crop == label, 1)
    ring = mask[:-2, 1:-1] | mask[2:, 1:-1] | mask[1:-1, :-2] | mask[1:-1, 2:]
    near = np.unique(crop[ring & ~mask[1:-1, 1:-1]])
    return near[near > 0]


def cut_between_slices() -> tuple[np.ndarray, dict[View, np.ndarray]]:
    """Twelve columns through distant slices: views xz and yz see a body in every row of them."""
    truth = np.zeros((4, 40, 60), np.int32)
    for number in range(12):
        y, x = 3 + 13 * (number // 4), 3 + 14 * (number % 4)
        truth[:, y : y + 9, x : x + 9] = number + 1
    rows = np.where(truth, truth + 12 * np.arange(4)[:, None, None], 0)
    return truth, {view: to_view(truth if view == "xy" else rows, view) for view in VIEWS}
