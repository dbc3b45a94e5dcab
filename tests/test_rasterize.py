"""Regions become the pixels whose centres they hold."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon
from particlebridge.exporter.outlines import label_outlines
from particlebridge.exporter.rasterize import Region, rasterize


def polygon(*points: tuple[float, float], number: int = 1) -> Region:
    return Region(number, "polygon", rings=(np.array(points, float),))


def rectangle(top: float, left: float, bottom: float, right: float, number: int = 1) -> Region:
    corners = (top, left), (top, right), (bottom, right), (bottom, left)
    return polygon(*corners, number=number)


def test_a_rectangle_on_pixel_corners_is_exactly_its_pixels() -> None:
    labels, table, problems = rasterize([rectangle(1, 2, 4, 7)], (6, 9), "a")
    expected = np.zeros((6, 9), np.int32)
    expected[1:4, 2:7] = 1
    np.testing.assert_array_equal(labels, expected)
    assert table.area.tolist() == [15]
    assert problems == []


def test_centre_rule_at_subpixel_positions() -> None:
    # Columns with centres 1.5 .. 3.5 lie between 1.2 and 3.9; 4.5 does not.
    labels, *_ = rasterize([rectangle(0, 1.2, 1, 3.9)], (1, 6), "a")
    assert labels.tolist() == [[0, 1, 1, 1, 0, 0]]
    labels, *_ = rasterize([rectangle(0, 1.6, 1, 4.4)], (1, 6), "a")
    assert labels.tolist() == [[0, 0, 1, 1, 0, 0]]


def test_a_disk_has_the_known_number_of_lattice_points() -> None:
    # Gauss' circle problem: 317 lattice points within radius 10 of a lattice point.
    disk = Region(1, "circle", ellipse=(20.5, 20.5, 10, 10, 0.0))
    labels, *_ = rasterize([disk], (41, 41), "a")
    assert labels.sum() == 317


def test_a_turned_ellipse_is_its_own_mirror_image() -> None:
    def paint(angle: float) -> np.ndarray:
        ellipse = Region(1, "ellipse", ellipse=(15.5, 15.5, 4, 11, angle))
        return rasterize([ellipse], (31, 31), "a")[0]

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
    labels, table, problems = rasterize(regions, (6, 9), "a")
    assert (labels[:2, :3] == 1).all() and (labels[4:, 4:] == 2).all()
    assert table.area.tolist()[:2] == [6, 10]
    assert problems == []


def test_the_smaller_region_wins_whatever_the_order() -> None:
    large, small = rectangle(0, 0, 8, 8), rectangle(2, 2, 4, 4, number=2)
    labels, table, _ = rasterize([large, small], (8, 8), "a")
    assert (labels[2:4, 2:4] == 2).all()
    assert table.area.tolist() == [60, 4]
    small, large = rectangle(2, 2, 4, 4), rectangle(0, 0, 8, 8, number=2)
    labels, *_ = rasterize([small, large], (8, 8), "a")
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
    labels, table, problems = rasterize(regions, (10, 10), "marks.json, image a.tif")
    assert [sentence.split(": ", 1)[1] for sentence in problems] == [
        "region 1 crosses itself: draw it again",
        "region 2 holds no pixel's centre: it is too thin, or off the image",
        "region 3 has fewer than three vertices",
        "region 4 holds no pixel's centre: it is too thin, or off the image",
        "region 5 is a point, which has no area",
        "region 6 has impossible coordinates or more than 100,000 vertices",
        "region 7 is hidden under smaller regions",
    ]
    assert all(sentence.startswith("marks.json, image a.tif: ") for sentence in problems)
    # A crossing outline is still painted; labels are numbered without gaps.
    assert table.region.tolist() == [1, 8]
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_an_outline_that_loops_inside_itself_is_reported_a_touching_one_is_not() -> None:
    loop = polygon((0, 0), (0, 10), (10, 10), (10, 3), (4, 3), (4, 7), (12, 7), (12, 0))
    assert "crosses itself" in rasterize([loop], (14, 14), "a")[2][0]
    pinched = polygon((0, 0), (0, 8), (4, 4), (8, 8), (8, 0), (4, 4))
    assert rasterize([pinched], (14, 14), "a")[2] == []


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(-8, 40), st.integers(-8, 40)), min_size=3, max_size=9),
    st.sampled_from([1.0, 0.37]),
)
def test_polygons_agree_with_matplotlib_away_from_the_outline(
    points: list[tuple[int, int]], step: float
) -> None:
    ring = np.array(points, float) * step
    labels, *_ = rasterize([Region(1, "polygon", rings=(ring,))], (16, 16), "a")
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
    areas = [int((rasterize([r], (12, 12), "a")[0] > 0).sum()) for r in (upper, lower)]
    assert sum(areas) == 144
    both = (rasterize([upper], (12, 12), "a")[0] > 0) & (rasterize([lower], (12, 12), "a")[0] > 0)
    assert not both.any()


def test_labels_outlined_and_painted_again_are_the_same() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 5, (40, 50)).astype(np.int32)
    regions = [
        Region(number, "polygon", rings=tuple(rings))
        for number, (_, rings) in enumerate(label_outlines(labels), start=1)
    ]
    np.testing.assert_array_equal(rasterize(regions, labels.shape, "a")[0], labels)
