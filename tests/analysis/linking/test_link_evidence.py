"""Two balls that touch pole to pole look like one in the slices across; other views see two."""

import numpy as np
from damaged_views import cut_between_slices
from particlebridge.analysis import VIEWS, to_view
from particlebridge.analysis.linking.link_evidence import (
    cut_false_links,
    doubted_views,
    link_evidence,
)
from particlebridge.analysis.linking.objects import number_objects
from particlebridge.analysis.linking.slices import link_objects, tracks_of


def ball(shape, centre, radius):
    grid = np.stack(np.indices(shape), -1)
    return ((grid - centre) ** 2).sum(-1) <= radius**2


def tracks(views, view="xy"):
    """Tracks of a view before and after the other views were asked."""
    objects = {name: number_objects(stack) for name, stack in views.items()}
    next_of = {name: link_objects(own) for name, own in objects.items()}
    before = tracks_of(next_of[view]).max()
    cut_false_links(objects, next_of, link_evidence(objects, next_of, max_gap=3))
    return before, tracks_of(next_of[view]).max()


def stacked(labels):
    """Views of the labels; in xy neighbouring slices do not know of each other."""
    return {view: to_view(labels, view) for view in VIEWS}


def poles():
    """Two balls that flow into each other, parted half way between their centres."""
    shape = (44, 30, 30)
    labels = ball(shape, (12, 15, 15), 10) | ball(shape, (30, 15, 15), 10)
    return labels * np.where(np.arange(44) < 21, 1, 2)[:, None, None].astype(np.int32)


def test_other_views_part_bodies_that_touch_pole_to_pole():
    assert tracks(stacked(poles())) == (1, 2)


def test_one_body_with_a_waist_stays_whole_if_the_others_see_one():
    one = (poles() > 0).astype(np.int32)
    assert tracks(stacked(one)) == (1, 1)


def test_nobody_to_ask():
    assert tracks({"xy": poles()}) == (1, 1)


def test_a_gap_is_asked_about_too():
    labels = poles()
    views = stacked(labels)
    views["xy"] = views["xy"].copy()
    views["xy"][21] = 0
    assert tracks(views)[1] == 2
    one = stacked((labels > 0).astype(np.int32))
    one["xy"] = views["xy"]
    assert tracks(one)[1] == 1


def test_a_slice_of_a_body_at_the_face_is_not_the_pole_of_the_next():
    # Three slices of one ball, cut off by the volume's face, lie on the pole of another. The
    # views along the face see slivers there, that is nothing.
    shape = (30, 30, 30)
    labels = 2 * ball(shape, (13, 15, 15), 11).astype(np.int32)
    labels[:3] = ball(shape, (-5, 15, 15), 10)[:3]
    views = stacked(labels)
    for view in ("xz", "yz"):
        views[view] = np.where(views[view] == 1, 0, views[view])
    before, after = tracks(views)
    assert (before, after) == (1, 2)


def doubted(views, spacing):
    objects = {name: number_objects(stack) for name, stack in views.items()}
    next_of = {name: link_objects(own) for name, own in objects.items()}
    return doubted_views(objects, next_of, link_evidence(objects, next_of, 3), spacing)


def test_a_view_that_cuts_what_distant_slices_show_as_one_is_doubted():
    truth, views = cut_between_slices()
    one = {**views, "yz": to_view(truth, "yz")}
    assert doubted(one, (9, 1, 1)) == ("xz",)
    # Slices as close as pixels know no better than the others.
    assert doubted(one, (1, 1, 1)) == ()
    few = {view: np.where(stack % 12 == 1, stack, 0) for view, stack in one.items()}
    assert doubted(few, (9, 1, 1)) == ()


def test_a_doubted_view_cuts_no_link():
    _, views = cut_between_slices()
    objects = {name: number_objects(stack) for name, stack in views.items()}
    next_of = {name: link_objects(own) for name, own in objects.items()}
    evidence = link_evidence(objects, next_of, 3)
    doubted = doubted_views(objects, next_of, evidence, (9, 1, 1))
    assert doubted == ("xz", "yz")
    cut_false_links(objects, next_of, evidence, doubted)
    assert tracks_of(next_of["xy"]).max() == 12
    cut_false_links(objects, next_of, evidence)
    assert tracks_of(next_of["xy"]).max() == 48
