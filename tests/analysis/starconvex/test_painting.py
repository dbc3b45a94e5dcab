import numpy as np
from particlebridge.analysis import Polygons, paint


def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre() -> None:
    # A square standing on its corner, |y - 10| + |x - 12| <= 4.5.
    polygons = Polygons.from_rays([[10, 12]], [[4.5] * 4], [1.0])
    y, x = np.indices((21, 25))
    np.testing.assert_array_equal(paint(polygons, (21, 25)), np.abs(y - 10) + np.abs(x - 12) <= 4.5)


def test_area_of_a_disc() -> None:
    labels = paint(Polygons.from_rays([[50, 50]], [[40.0] * 360], [1.0]), (101, 101))
    assert abs(labels.sum() / (np.pi * 40**2) - 1) < 0.01


def test_the_first_lies_on_top_and_the_image_crops() -> None:
    polygons = Polygons.from_rays([[10, 10], [10, 14], [0, 0]], [[6.0] * 32] * 3, [0.9, 0.8, 0.7])
    labels = paint(polygons, (20, 20))
    assert labels.dtype == np.int32
    assert labels[10, 12] == labels[10, 14] == 1  # shared
    assert labels[10, 18] == 2
    assert labels[0, 0] == 3
    assert not paint(polygons[:0], (5, 5)).any()
