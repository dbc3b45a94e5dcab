"""A phase is parted where it is thin: balls that touch are counted exactly."""

import numpy as np
import pytest
from particlebridge.analysis import score, split_phase


def balls(radius: float, pitch: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """Two by two by three balls that overlap a little; labels of the nearest centre."""
    sides = np.asarray(spacing)
    counts = np.array([2, 2, 3])
    shape = np.ceil((counts * pitch + 2 * radius) / sides).astype(int)
    at = np.moveaxis(np.indices(shape), 0, -1) * sides
    centres = (np.indices(counts).reshape(3, -1).T + 0.5) * pitch + radius
    far = np.linalg.norm(at[..., None, :] - centres, axis=-1)
    return np.where(far.min(-1) <= radius, 1 + far.argmin(-1), 0)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (2, 1, 1), (0.3, 0.1, 0.1)])
def test_balls_that_touch_are_counted_exactly(spacing: tuple[float, float, float]) -> None:
    side = min(spacing)
    truth = balls(9 * side, 16 * side, spacing)
    found = split_phase(truth > 0, spacing)
    assert found.max() == 12
    assert np.array_equal(found > 0, truth > 0)
    assert score(truth, found).f1[0.75] == 1


def test_one_ball_stays_one_and_nothing_gives_nothing() -> None:
    z, y, x = np.indices((21, 21, 21))
    one = (z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 <= 64
    assert split_phase(one).max() == 1
    assert not split_phase(np.zeros((4, 5, 6), bool)).any()
    with pytest.raises(ValueError, match="three axes"):
        split_phase(one[0])
