import numpy as np
import pytest
from particlebridge.analysis import VIEWS, to_view
from particlebridge.analysis.fusion.alignment import align_objects
from particlebridge.analysis.linking.objects import number_objects


def body():
    labels = np.zeros((12, 20, 22), np.int32)
    labels[2:9, 5:14, 6:15] = 4
    return labels


def aligned(stack, bodies, view="xy", reach=2, body_of=None):
    objects = number_objects(stack)
    if body_of is None:
        body_of = np.full(objects.sizes.size, 4, np.int32)
    align_objects(objects, body_of, bodies, view, reach)
    return objects.numbers


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("move", [(1, -1), (-2, 2), (0, 1), (0, 0)])
def test_a_moved_object_goes_back(view, move):
    bodies = body()
    right = to_view(bodies, view)
    moved = np.roll(right, move, axis=(1, 2))
    assert np.array_equal(aligned(moved, bodies, view) > 0, right > 0)


def test_no_farther_than_the_reach():
    bodies = body()
    moved = np.roll(bodies, 3, axis=2)
    assert np.array_equal(aligned(moved, bodies, reach=1) > 0, np.roll(moved, -1, axis=2) > 0)


def test_the_shortest_of_equal_shifts():
    # Anywhere within the wide body the narrow object is covered whole: it stays.
    bodies = body()
    narrow = np.zeros_like(bodies)
    narrow[4, 8:10, 9:11] = 1
    assert np.array_equal(aligned(narrow, bodies) > 0, narrow > 0)


def test_an_object_without_a_body_stays():
    bodies = body()
    moved = np.roll(bodies, 2, axis=1)
    unnamed = np.full(number_objects(moved).sizes.size, -1, np.int32)
    assert np.array_equal(aligned(moved, bodies, body_of=unnamed) > 0, moved > 0)


def test_what_is_pushed_over_the_edge_is_cut_and_nothing_wraps():
    bodies = np.zeros((3, 10, 10), np.int32)
    bodies[:, 0:5, 0:5] = 4
    moved = np.roll(bodies, (2, 2), axis=(1, 2))
    found = aligned(moved, bodies)
    assert np.array_equal(found > 0, bodies > 0)


def test_where_two_come_to_lie_on_one_pixel_the_body_decides():
    bodies = np.zeros((1, 8, 16), np.int32)
    bodies[0, 2:6, 2:8], bodies[0, 2:6, 8:14] = 1, 2
    stack = np.zeros_like(bodies)
    stack[0, 2:6, 1:7], stack[0, 2:6, 9:15] = 1, 2
    found = aligned(stack, bodies, body_of=np.array([0, 1, 2], np.int32))
    assert np.array_equal(found, bodies)
