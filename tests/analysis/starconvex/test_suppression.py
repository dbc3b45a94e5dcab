import numpy as np
import pytest
from particlebridge.analysis import Polygons, suppress
from particlebridge.analysis.starconvex.suppression import intersection_area


def brute_force(polygons: Polygons, thresh: float) -> list[int]:
    """The plugin's loop, literally: Clipper for every pair."""
    steps = np.rint(polygons.outlines * 100)
    y, x = steps[..., 0], steps[..., 1]
    areas = (x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1) / 2
    alive = np.ones(len(steps), bool)
    for i in range(len(steps)):
        for j in range(i + 1, len(steps)):
            if alive[i] and alive[j]:
                shared = intersection_area(steps[i], steps[j])
                alive[j] = not shared / min(areas[i] + 1e-10, areas[j] + 1e-10) > thresh
    return np.flatnonzero(alive).tolist()


def scattered(
    n: int, size: int, rays: int, radii: tuple[float, float], roughness: float, seed: int
) -> Polygons:
    rng = np.random.default_rng(seed)
    dist = rng.uniform(*radii, (n, 1)) * (1 + roughness * rng.standard_normal((n, rays)))
    return Polygons.from_rays(rng.integers(0, size, (n, 2)), dist, np.sort(rng.random(n))[::-1])


def square(y: float, x: float, half: float, prob: float = 1.0) -> Polygons:
    return Polygons.from_rays([[y, x]], [[half * 2**0.5] * 4], [prob])


@pytest.mark.parametrize("thresh", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(
    ("rays", "radii", "roughness"),
    [
        (32, (4, 12), 0.05),
        (32, (4, 12), 0.4),  # some distances are negative: outlines that cross themselves
        (8, (0.05, 2), 0.2),  # next to nothing
        (96, (2, 25), 0.1),
        (3, (5, 10), 0.1),
    ],
)
def test_equals_the_brute_force(
    rays: int, radii: tuple[float, float], roughness: float, thresh: float
) -> None:
    polygons = scattered(120, 50, rays, radii, roughness, seed=rays)
    assert suppress(polygons, thresh).tolist() == brute_force(polygons, thresh)


def test_equals_the_brute_force_where_pairs_lie_at_the_threshold() -> None:
    # A 4-gon's rays point along the axes: these squares of side 10 stand on their corners, and
    # two that lie 7 px apart share (1 - 7 / 200 ** 0.5) squared of either.
    shifts = np.arange(40) * 7
    dist = np.full((40, 4), 10 / 2**0.5)
    polygons = Polygons.from_rays(np.stack([shifts * 0, shifts], -1), dist, np.linspace(1, 0.5, 40))
    share = (1 - 7 / 200**0.5) ** 2
    for thresh in (share - 1e-3, share - 1e-4, share - 1e-5, share, share + 1e-5, share + 1e-3):
        assert suppress(polygons, thresh).tolist() == brute_force(polygons, thresh)


def test_the_smaller_area_counts() -> None:
    big = Polygons.from_rays([[50, 50]], [[30.0] * 32], [0.9])
    small = Polygons.from_rays([[50, 78]], [[4.0] * 32], [0.8])  # three quarters inside the big
    both = Polygons(
        *(
            np.concatenate([getattr(p, n) for p in (big, small)])
            for n in ("points", "dist", "prob", "outlines")
        )
    )
    assert suppress(both, 0.5).tolist() == [0]
    assert suppress(both, 0.95).tolist() == [0, 1]


def test_far_apart_in_mixed_sizes_nobody_is_lost() -> None:
    # One huge polygon among many small ones: its box meets cells far away.
    rng = np.random.default_rng(3)
    points = np.concatenate([[[500, 500]], rng.integers(0, 1000, (300, 2))])
    dist = np.full((301, 16), 3.0)
    dist[0] = 400
    polygons = Polygons.from_rays(points, dist, np.linspace(1, 0.5, 301))
    kept = suppress(polygons, 0.5)
    assert kept.tolist() == brute_force(polygons, 0.5)
    inside = np.hypot(*(points[1:] - 500).T) < 390
    assert not set(np.flatnonzero(inside) + 1) & set(kept)


def test_none_and_one() -> None:
    nothing = Polygons.from_rays(np.zeros((0, 2)), np.zeros((0, 32)), np.zeros(0))
    assert suppress(nothing, 0.5).tolist() == []
    assert suppress(square(5, 5, 2), 0.5).tolist() == [0]
    with pytest.raises(ValueError, match="0 to 1"):
        suppress(nothing, 1.2)


def test_clipper_area_of_known_squares() -> None:
    a = np.array([[0, 0], [0, 1000], [1000, 1000], [1000, 0]])
    assert intersection_area(a, a + 500) == intersection_area(a + 500, a) != 0
    assert abs(intersection_area(a, a + 500)) == 500 * 500
    assert intersection_area(a, a + 1000) == 0
    assert intersection_area(a, np.zeros((4, 2))) == 0


def test_winners_of_twenty_thousand_candidates_leave_each_other_alone() -> None:
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 2048, (800, 2))
    points = (centres[:, None] + rng.normal(0, 4, (800, 25, 2))).reshape(-1, 2).round()
    dist = np.repeat(rng.uniform(10, 35, 800), 25)[:, None] * rng.normal(1, 0.05, (20_000, 32))
    polygons = Polygons.from_rays(points, dist, np.sort(rng.random(20_000))[::-1])
    winners = suppress(polygons, 0.4)
    assert 100 < len(winners) < 3000
    # Asked alone, each of the winners stays: none covers another by more than the threshold.
    assert suppress(polygons[winners], 0.4).tolist() == list(range(len(winners)))
