"""Consensus of the views: 2-D objects become tracks, tracks bodies, and all vote on the voxels."""

from collections.abc import Mapping

import numpy as np

from .._shared.parallel import in_pieces
from .._shared.views import View, from_view, view_spacing
from ..linking.link_evidence import cut_false_links, doubted_views, link_evidence
from ..linking.objects import number_objects
from ..linking.slices import link_objects, link_slices, tracks_of
from ..material.grey_levels import grey_levels
from .agglomeration import agglomerate
from .agreement import Backing, backing
from .alignment import align_objects
from .body_graph import body_graph, find_spans, join_spans
from .edges import add_grey_votes, settle
from .fragments import drop_fragments
from .track_graph import Tracks, track_graph
from .voting import Ballot, count_votes, object_weights

# A body must agree this far with two views at least: what one view alone sees is not believed.
_BACKING = 0.2
# Two views that agree this far need no other witness...
_CLEAR = 0.5
# ...else the body's grey must be this far from that of background towards that of bodies.
_BRIGHT = 3 / 4
# Where the volume's face cuts off a slice of a body, thinner than this share of its width, one view
# that agrees clearly is enough, if the slice is bright.
_THIN = 0.5
# What a view says that cuts bodies between distant slices counts so much, beside 1.
_DOUBTED = 0.1
# An object speaks for a body if this share of it lies there; else it may have merged two.
_MIN_OVERLAP_FRACTION = 0.7
# How far objects may be moved onto their bodies, pixels, in each of the rounds.
_REACHES = (2, 1)
# How much a voxel's own vote counts beside its neighbours'; objects that are in place need less
# smoothing.
_CENTRES = (2, 4, 4)


def consensus(
    stacks: Mapping[View, np.ndarray],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    min_diameter: float | None = None,
    min_iou: float = 0.3,
    max_gap: int = 3,
    volume: np.ndarray | None = None,
    prob: Mapping[View, np.ndarray] | None = None,
) -> tuple[np.ndarray, tuple[View, ...]]:
    """Give the bodies on which the views' 2-D objects agree.

    Parameters
    ----------
    stacks
        Each view's 2-D labels in its own order.
    spacing
        Voxel size (z, y, x), um.
    min_diameter
        Smaller bodies are dropped (`drop_fragments`).
    min_iou, max_gap
        As in `link_slices`.
    volume
        (Z, Y, X) grey values, bodies bright: they have a vote on the edges, and say whether what
        the views hardly agree on, or only one of them sees at the volume's face, is a body.
    prob
        Each view's object probability in its own order, where there is one: objects that the
        network was sure of weigh more in the first vote (`object_weights`).

    Returns
    -------
    bodies : ndarray of int32, shape (Z, Y, X)
    doubted : tuple of str
        The views that counted a tenth (`doubted_views`).

    Notes
    -----
    1. Each view's 2-D objects are linked to tracks (`link_objects`).
    2. Tracks of all views form a signed graph by the voxels that they share (`track_graph`), which
       is cut into bodies by correlation clustering: where two views say "one" and the third
       says "two", or the reverse, two outvote one.
    3. Every 2-D object votes for its body on its voxels (`count_votes`), and neighbouring votes
       settle the edges.
    4. Bodies that only one view sees are dropped. Each object is assigned to a body again; one that
       lies over several bodies votes for none of them in particular. Each object is moved by a
       pixel or two to where its body is (`align_objects`), and the vote is repeated.

    With one view alone, its linked slices are the answer.
    """
    if len(stacks) == 1:
        view, stack = next(iter(stacks.items()))
        linked = np.ascontiguousarray(from_view(link_slices(stack, min_iou, max_gap), view))
        return drop_fragments(linked, spacing, min_diameter), ()
    ballots = _first_ballots(stacks, prob or {}, spacing, min_iou, max_gap)
    doubted = tuple(view for view, ballot in ballots.items() if ballot.trust < 1)
    n = max(int(ballot.body_of.max()) for ballot in ballots.values())
    bodies = settle(*count_votes(ballots, n), _CENTRES[0])
    for reach, centre in zip(_REACHES, _CENTRES[1:], strict=True):
        ballots = _next_ballots(ballots, bodies, spacing, volume)
        for view, ballot in ballots.items():
            align_objects(ballot.objects, ballot.body_of, bodies, view, reach)
        levels = None if volume is None else grey_levels(volume, bodies)
        del bodies
        bodies, support = count_votes(ballots, n)
        if volume is not None and levels is not None:
            support = add_grey_votes(bodies, support, volume, levels)
        bodies = settle(bodies, support, centre)
    del ballots, support
    return drop_fragments(bodies, spacing, min_diameter), doubted


def _first_ballots(
    stacks: Mapping[View, np.ndarray],
    prob: Mapping[View, np.ndarray],
    spacing: tuple[float, float, float],
    min_iou: float,
    max_gap: int,
) -> dict[View, Ballot]:
    """Each object votes for the cluster of its track."""
    objects = {view: number_objects(stack) for view, stack in stacks.items()}
    next_of = {view: link_objects(own, min_iou, max_gap) for view, own in objects.items()}
    evidence = link_evidence(objects, next_of, max_gap)
    doubted = doubted_views(objects, next_of, evidence, spacing)
    cut_false_links(objects, next_of, evidence, doubted)
    views: dict[View, Tracks] = {}
    used = 0
    for view, own in objects.items():
        tracks = tracks_of(next_of[view])
        trust = _DOUBTED if view in doubted else 1.0
        views[view] = Tracks(own, np.where(tracks, tracks + used, 0).astype(np.int32), trust)
        used += int(tracks.max())
    graph = track_graph(views)
    cluster = agglomerate(graph.first, graph.second, graph.weights, used + 1)
    return {
        view: Ballot(
            tracks.objects,
            cluster[tracks.track_of].astype(np.int32),
            object_weights(tracks.objects, prob.get(view)),
            tracks.trust,
        )
        for view, tracks in views.items()
    }


def _next_ballots(
    ballots: Mapping[View, Ballot],
    bodies: np.ndarray,
    spacing: tuple[float, float, float],
    volume: np.ndarray | None,
) -> dict[View, Ballot]:
    """Assign each object to a body again; pieces of one body are joined in place."""
    spans = {view: find_spans(ballot.objects, bodies, view) for view, ballot in ballots.items()}
    sizes = np.bincount(bodies.ravel(), minlength=1)
    trust = [ballot.trust for ballot in ballots.values()]
    whole = agglomerate(*body_graph(list(spans.values()), trust), sizes.size).astype(np.int32)
    for plane in bodies:
        np.take(whole, plane, out=plane)
    sizes = np.bincount(whole, weights=sizes).astype(np.int64)
    found = {
        view: backing(join_spans(spans[view], whole), ballot.objects.sizes, sizes)
        for view, ballot in ballots.items()
    }
    second = np.sort([b.agreement for b in found.values()], axis=0)[-2]
    believed = second >= _BACKING
    believed[0] = False
    if volume is not None:
        bright = _bright(volume, bodies, believed)
        believed &= bright | (second >= _CLEAR)
        for view, own in found.items():
            depth = len(ballots[view].objects.numbers)
            believed |= bright & _sliced_off(own, sizes, depth, view_spacing(spacing, view))
    return {
        view: Ballot(
            ballot.objects,
            np.where(
                believed[own.body] & (own.share >= _MIN_OVERLAP_FRACTION), own.body, -1
            ).astype(np.int32),
            # Where an object lies says more than how sure the network was of it.
            np.ones_like(ballot.weights),
            ballot.trust,
        )
        for (view, ballot), own in zip(ballots.items(), found.values(), strict=True)
    }


def _sliced_off(
    view: Backing, sizes: np.ndarray, depth: int, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Mark thin slices of bodies at the first or last slice of a view, well seen by it.

    In the other views they are slivers along the edge of the image, where a network is blind.
    """
    thickness = view.highest - view.lowest + 1
    at_end = (view.lowest == 0) | (view.highest == depth - 1)
    section = sizes / np.maximum(thickness, 1)
    step, height, width = spacing
    thin = thickness * (step / np.sqrt(height * width)) <= _THIN * np.sqrt(section)
    return at_end & (view.agreement >= _CLEAR) & thin


def _bright(volume: np.ndarray, bodies: np.ndarray, believed: np.ndarray) -> np.ndarray:
    """Mark the bodies whose mean grey is that of believed bodies rather than of background."""
    n = believed.size

    def work(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        names, grey = bodies[start:stop].ravel(), volume[start:stop].ravel()
        return np.bincount(names, minlength=n), np.bincount(names, grey, minlength=n)

    parts = in_pieces(work, bodies.shape)
    count, total = np.sum([c for c, _ in parts], axis=0), np.sum([t for _, t in parts], axis=0)
    if not believed.any() or count[0] == 0:
        return np.zeros(believed.size, bool)
    grey = total / np.maximum(count, 1)
    # Of bodies of unequal brightness, three in four are as bright as this.
    usual = np.quantile(grey[believed], 0.25)
    bright = grey >= grey[0] + _BRIGHT * (usual - grey[0])
    bright[0] = False
    return bright
