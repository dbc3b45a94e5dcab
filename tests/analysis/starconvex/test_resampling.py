import numpy as np
import pytest
from particlebridge.analysis import (
    Polygons,
    fill_grid,
    paint,
    ray_lengths,
    rescale_polygons,
    resize,
    resized_shape,
)


def by_formula(row: np.ndarray, m: int) -> np.ndarray:
    """One pass of docs/numerics.md, literally."""
    n = len(row)
    step = n / m
    support = max(1.0, step)
    result = []
    for i in range(m):
        centre = (i + 0.5) * step
        j = np.arange(max(0, int(centre - support + 0.5)), min(n, int(centre + support + 0.5)))
        weight = np.maximum(0, 1 - np.abs(j - centre + 0.5) / support)
        result.append((weight * row[j]).sum() / weight.sum())
    return np.asarray(result)


@pytest.mark.parametrize("shape", [(37, 29), (11, 64), (90, 7), (40, 120), (1, 1)])
def test_resize_is_the_written_formula(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).normal(1000, 300, (40, 29)).astype(np.float32)
    rows = np.apply_along_axis(by_formula, 1, image, shape[1])
    expected = np.apply_along_axis(by_formula, 0, rows, shape[0])
    np.testing.assert_allclose(resize(image, shape), expected, rtol=2e-6)


def test_resize_keeps_means_planes_and_places() -> None:
    image = np.zeros((60, 80))
    image[20:40, 30:60] = 5
    small = resize(image, (30, 40))
    assert small.mean() == pytest.approx(image.mean(), rel=1e-5)
    assert small.sum(1) @ np.arange(30) / small.sum() == pytest.approx((29.5 + 0.5) / 2 - 0.5)
    y, x = np.indices((60, 80), np.float64)
    doubled = resize(y + 10 * x, (120, 160))
    exact = (np.indices((120, 160)) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(
        doubled[1:-1, 1:-1], (exact[0] + 10 * exact[1])[1:-1, 1:-1], rtol=1e-5
    )
    channels = resize(np.stack([image, image * 2], -1), (30, 40))
    np.testing.assert_allclose(channels[..., 1], 2 * small)
    assert (resize(image, (60, 80)) == image).all()


def test_sizes_round_half_up_and_never_vanish() -> None:
    assert resized_shape((5, 7), (0.5, 0.5)) == (3, 4)
    assert resized_shape((3, 3), (0.01, 0.01)) == (1, 1)


def test_grid_points_fill_the_block_that_starts_at_them() -> None:
    values = np.arange(6).reshape(2, 3)
    filled = fill_grid(values, (2, 2), (4, 5), (4, 5))
    np.testing.assert_array_equal(filled, np.kron(values, np.ones((2, 2), int))[:, :5])
    # At half the network's size each image pixel sees the network pixel under its centre.
    np.testing.assert_array_equal(fill_grid(values, (2, 2), (4, 6), (2, 3)), values)


@pytest.mark.parametrize("scale", [(0.5, 0.5), (2.0, 2.0), (0.5, 1.25)])
def test_polygons_come_back_where_they_were(scale: tuple[float, float]) -> None:
    # An ellipse in the image is a disc of radius 20 at (30, 40) for the network.
    back = rescale_polygons(Polygons.from_rays([[30, 40]], [[20.0] * 64], [1.0]), scale)
    sy, sx = scale
    cy, cx = 30.5 / sy - 0.5, 40.5 / sx - 0.5
    shape = (int(110 / sy), int(110 / sx))
    y, x = np.indices(shape)
    ellipse = ((y - cy) * sy) ** 2 + ((x - cx) * sx) ** 2 <= 20**2
    labels = paint(back, shape)
    assert (labels == 1)[ellipse].mean() > 0.97
    assert (labels == 1).sum() == pytest.approx(ellipse.sum(), rel=0.02)
    np.testing.assert_allclose(back.points, [[cy, cx]])
    # Distances are lengths in the image, from the centre to each vertex.
    reach = np.hypot(*(back.outlines[0] - back.points[0]).T)
    np.testing.assert_allclose(back.dist[0], reach, atol=0.02)
    np.testing.assert_allclose(back.dist[0], 20 * ray_lengths(64, scale), rtol=1e-6)
