"""Regions become the pixels whose centres they hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.path import Path as Polygon
from particlebridge.exporter.annotations.outlines import label_outlines
from particlebridge.exporter.annotations.rasterize import rasterize
from particlebridge.exporter.annotations.regions import (
    Region,
    Remark,
    bitmap_of,
    line_region,
    summarise,
)


def polygon(*points: tuple[float, float], number: int = 1) -> Region:
    return Region(number, "polygon", rings=(np.array(points, float),))


def rectangle(top: float, left: float, bottom: float, right: float, number: int = 1) -> Region:
    corners = (top, left), (top, right), (bottom, right), (bottom, left)
    return polygon(*corners, number=number)


def test_a_rectangle_on_pixel_corners_is_exactly_its_pixels() -> None:
    labels, table, problems = rasterize([rectangle(1, 2, 4, 7)], (6, 9))
    expected = np.zeros((6, 9), np.int32)
    expected[1:4, 2:7] = 1
    np.testing.assert_array_equal(labels, expected)
    assert table.area.tolist() == [15]
    assert problems == []


def test_centre_rule_at_subpixel_positions() -> None:
    # Columns with centres 1.5 .. 3.5 lie between 1.2 and 3.9; 4.5 does not.
    labels, *_ = rasterize([rectangle(0, 1.2, 1, 3.9)], (1, 6))
    assert labels.tolist() == [[0, 1, 1, 1, 0, 0]]
    labels, *_ = rasterize([rectangle(0, 1.6, 1, 4.4)], (1, 6))
    assert labels.tolist() == [[0, 0, 1, 1, 0, 0]]


def test_a_disk_has_the_known_number_of_lattice_points() -> None:
    # Gauss' circle problem: 317 lattice points within radius 10 of a lattice point.
    disk = Region(1, "circle", ellipse=(20.5, 20.5, 10, 10, 0.0))
    labels, *_ = rasterize([disk], (41, 41))
    assert labels.sum() == 317


def test_a_turned_ellipse_is_its_own_mirror_image() -> None:
    def paint(angle: float) -> np.ndarray:
        ellipse = Region(1, "ellipse", ellipse=(15.5, 15.5, 4, 11, angle))
        return rasterize([ellipse], (31, 31))[0]

    np.testing.assert_array_equal(paint(np.pi / 2), paint(0).T)
    np.testing.assert_array_equal(paint(0.5), paint(-0.5)[::-1])
    y, x = np.nonzero(paint(0.5))
    assert np.cov(x, y)[0, 1] > 0  # angles run from x towards y (downwards)


def test_what_lies_off_the_image_is_clipped() -> None:
    regions = [
        rectangle(-50, -50, 2, 3),
        rectangle(4, 4, 900, 900, number=2),
        Region(3, "circle", ellipse=(0, 9, 2, 2, 0.0)),
    ]
    labels, table, problems = rasterize(regions, (6, 9))
    assert (labels[:2, :3] == 1).all() and (labels[4:, 4:] == 2).all()
    assert table.area.tolist()[:2] == [6, 10]
    assert problems == []


def test_the_smaller_region_wins_whatever_the_order() -> None:
    large, small = rectangle(0, 0, 8, 8), rectangle(2, 2, 4, 4, number=2)
    labels, table, _ = rasterize([large, small], (8, 8))
    assert (labels[2:4, 2:4] == 2).all()
    assert table.area.tolist() == [60, 4]
    small, large = rectangle(2, 2, 4, 4), rectangle(0, 0, 8, 8, number=2)
    labels, *_ = rasterize([small, large], (8, 8))
    assert (labels[2:4, 2:4] == 1).all()


def test_regions_that_cannot_be_used_are_named() -> None:
    bow_tie = polygon((0, 0), (8, 8), (0, 8), (8, 0), number=1)
    regions = [
        bow_tie,
        rectangle(20, 20, 30, 30, number=2),
        polygon((1, 1), (2, 2), number=3),
        rectangle(3, 3.6, 5, 4.2, number=4),
        Region(5, "point", problem="is a point, which has no area"),
        polygon((0, 0), (np.nan, 1), (1, 1), number=6),
        rectangle(5, 5, 9, 9, number=7),
        rectangle(5, 5, 9, 9, number=8),
    ]
    labels, table, problems = rasterize(regions, (10, 10), "a.tif")
    assert [f"region {each.region} {each.text}" for each in problems] == [
        "region 1 crosses itself: draw it again",
        "region 2 holds no pixel's centre: it is too thin, or off the image",
        "region 3 has fewer than three vertices",
        "region 4 holds no pixel's centre: it is too thin, or off the image",
        "region 5 is a point, which has no area",
        "region 6 has impossible coordinates or more than 100,000 vertices",
        "region 7 is hidden under smaller regions",
    ]
    assert [each.lost for each in problems] == [False] + 6 * [True]
    # A crossing outline is still painted; labels are numbered without gaps.
    assert table.region.tolist() == [1, 8]
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_an_outline_that_loops_inside_itself_is_reported_a_touching_one_is_not() -> None:
    loop = polygon((0, 0), (0, 10), (10, 10), (10, 3), (4, 3), (4, 7), (12, 7), (12, 0))
    assert "crosses itself" in rasterize([loop], (14, 14))[2][0].text
    pinched = polygon((0, 0), (0, 8), (4, 4), (8, 8), (8, 0), (4, 4))
    assert rasterize([pinched], (14, 14))[2] == []


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(-8, 40), st.integers(-8, 40)), min_size=3, max_size=9),
    st.sampled_from([1.0, 0.37]),
)
def test_polygons_agree_with_matplotlib_away_from_the_outline(
    points: list[tuple[int, int]], step: float
) -> None:
    ring = np.array(points, float) * step
    labels, *_ = rasterize([Region(1, "polygon", rings=(ring,))], (16, 16))
    centres = np.argwhere(np.ones((16, 16), bool)) + 0.5
    inside = even_odd(ring, centres)
    clear = [
        even_odd(ring + move, centres) == inside
        for move in (1e-6 * np.array(d) for d in [(1, 0), (-1, 0), (0, 1), (0, -1)])
    ]
    sure = np.all(clear, axis=0)
    np.testing.assert_array_equal((labels > 0).ravel()[sure], inside[sure])


def even_odd(ring: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Count the edges to the right of each point, one by one."""
    inside = np.zeros(len(points), bool)
    for (y0, x0), (y1, x1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        rows = (y0 > points[:, 0]) != (y1 > points[:, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            cut = x0 + (points[:, 0] - y0) * (x1 - x0) / (y1 - y0)
        inside ^= rows & (points[:, 1] < cut)
    return inside


def test_even_odd_of_this_test_is_matplotlibs() -> None:
    ring = np.array([(1.1, 1.3), (3.2, 14), (12.7, 9.1), (6, 2.9)])
    centres = np.argwhere(np.ones((16, 16), bool)) + 0.5
    np.testing.assert_array_equal(even_odd(ring, centres), Polygon(ring).contains_points(centres))


@settings(deadline=None, max_examples=100)
@given(st.tuples(*[st.floats(0, 12)] * 4))
def test_neighbours_share_an_edge_without_gap_or_overlap(cut: tuple[float, ...]) -> None:
    y0, x0, y1, x1 = cut
    # A bent line from the left side to the right side of a 12 x 12 image.
    line = [(y0, 0.0), (y1, 4 + x0 / 3), ((x1 + y0) / 2, 12.0)]
    upper = polygon((0, 0), *line, (0, 12))
    lower = polygon((12, 0), *line, (12, 12), number=2)
    areas = [int((rasterize([r], (12, 12))[0] > 0).sum()) for r in (upper, lower)]
    assert sum(areas) == 144
    both = (rasterize([upper], (12, 12))[0] > 0) & (rasterize([lower], (12, 12))[0] > 0)
    assert not both.any()


def test_labels_outlined_and_painted_again_are_the_same() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 5, (40, 50)).astype(np.int32)
    regions = [
        Region(number, "polygon", rings=tuple(rings))
        for number, (_, rings) in enumerate(label_outlines(labels), start=1)
    ]
    np.testing.assert_array_equal(rasterize(regions, labels.shape)[0], labels)


def half_circle(step: float) -> np.ndarray:
    angles = np.arange(0, np.pi + 1e-9, step)
    return np.stack([10 + 5 * np.sin(angles), 10 + 5 * np.cos(angles)], axis=1)


@pytest.mark.parametrize(
    ("points", "area"),
    [
        (half_circle(0.1), 5**2 * np.pi / 2),
        (np.array([(2, 2), (2, 12), (12, 12), (12, 2)]), 100),  # the last side is missing
        (np.array([(2, 2), (2, 12), (12, 12)]), 50),
        (np.array([(2, 2), (2, 12), (12, 12), (12, 2), (2, 2)]), 100),
        (np.array([(2, 2), (12, 12)]), 0),
        (np.array([(2, 2), (5, 5.2), (12, 12)]), 0),
        (np.array([(2, 2)]), 0),
        (np.zeros((0, 2)), 0),
    ],
)
def test_an_open_line_is_closed_where_it_goes_around_something(
    points: np.ndarray, area: float
) -> None:
    region = line_region(3, "polyline", points.astype(float), {})
    labels, _, (remark,) = rasterize([region], (20, 20), "a.png")
    assert abs((labels > 0).sum() - area) <= 5
    assert remark.lost == (area == 0)
    text = "is a polyline, taken as closed" if area else "is a polyline, which has no area"
    assert remark.text == text


@settings(deadline=None, max_examples=100)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(-6, 9))
def test_a_bitmap_covers_its_pixels_wherever_it_lies(mask: np.ndarray, left: int) -> None:
    whole = np.zeros((40, 40), bool)
    whole[12 : 12 + mask.shape[0], 20 + left : 20 + left + mask.shape[1]] = mask
    region = Region(1, "mask", bitmap=bitmap_of(mask, 2, left))
    labels, *_ = rasterize([region], (8, 12))
    np.testing.assert_array_equal(labels > 0, whole[10:18, 20:32])


def test_the_parts_of_a_group_are_one_particle() -> None:
    regions = [
        replace(rectangle(0, 0, 2, 2), group="a"),
        rectangle(4, 4, 6, 6, number=2),
        replace(rectangle(1, 1, 9, 3, number=3), group="a"),
    ]
    labels, table, remarks = rasterize(regions, (9, 9))
    assert table.area.tolist() == [2 * 2 + 8 * 2 - 1, 4] and remarks == []
    assert labels[0, 0] == labels[8, 2] == 1 and labels[5, 5] == 2


def test_a_region_around_many_others_is_named() -> None:
    inner = [rectangle(k, 1, k + 1, 8, number=k) for k in range(1, 6)]
    *_, remarks = rasterize([*inner, rectangle(0, 0, 9, 9, number=6)], (9, 9))
    assert [(each.region, each.lost) for each in remarks] == [(6, False)]
    assert "only the frame around them" in remarks[0].text
    assert rasterize([*inner[1:], rectangle(0, 0, 9, 9, number=6)], (9, 9))[2] == []


def test_each_kind_of_remark_is_one_sentence() -> None:
    remarks = [Remark(f"{k // 4}.png", k % 4 + 1, "is a point", True) for k in range(11)]
    remarks.append(Remark("9.png", 7, "is a text", True))
    assert summarise(remarks, "via.json", 300) == [
        "via.json: 11 of 300 regions: each is a point "
        "(0.png, regions 1, 2, 3, 4; 1.png, region 1 and 6 more)",
        "via.json, image 9.png: region 7 is a text",
    ]
    alone = [Remark("", k, "is a point", True) for k in (2, 5)]
    assert summarise(alone, "r.zip", 9) == ["r.zip: 2 of 9 regions: each is a point (regions 2, 5)"]
