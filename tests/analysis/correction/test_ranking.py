"""Which particles are doubtful: those put wrong on purpose come first, with the right reason."""

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import VIEWS, Electrode, electrode, to_view
from particlebridge.analysis.correction import body_shapes, view_evidence
from particlebridge.analysis.correction.ranking import doubtful_particles
from particlebridge.analysis.fusion.agreement import agreement_table
from scipy.ndimage import distance_transform_edt


@pytest.fixture(scope="module")
def made() -> Electrode:
    return electrode((24, 48, 56), seed=1, radius=(5, 8))


def _neighbours(labels: np.ndarray) -> tuple[int, int]:
    """Find the two particles that touch over the largest area, of those away from the border."""
    inside = set(np.unique(labels)) - set(np.unique(labels[[0, -1]]))
    first, second = labels[:, :-1][(d := labels[:, :-1] != labels[:, 1:])], labels[:, 1:][d]
    pairs, counts = np.unique(np.sort([first, second], 0), axis=1, return_counts=True)
    for k in np.argsort(-counts):
        a, b = pairs[:, k]
        if a > 0 and {a, b} & inside:
            return int(a), int(b)
    raise AssertionError


def _ranked(made: Electrode, labels: np.ndarray) -> pd.DataFrame:
    stacks = {view: to_view(made.labels, view) for view in VIEWS}
    table = agreement_table(labels, stacks, made.spacing)
    return doubtful_particles(labels, stacks, table, made.spacing, made.volume)


def test_particles_put_wrong_come_first_and_say_why(made: Electrode) -> None:
    labels = made.labels.copy()
    one, other = _neighbours(labels)
    labels[labels == other] = one
    sizes = np.bincount(labels.ravel())
    gone = int(np.argsort(sizes[1:])[-3]) + 1
    assert gone != one
    labels[labels == gone] = 0

    ranked = _ranked(made, labels)

    assert list(ranked.columns) == ["label", "z", "y", "x", "confidence", "doubt", "reasons"]
    assert ranked["doubt"].is_monotonic_decreasing and ranked["doubt"].between(0, 1).all()
    by_label = ranked.set_index("label")
    assert ranked[ranked["label"] > 0]["label"].iloc[0] == one
    # One view may look along the line from the one centre to the other.
    assert sum(f"split in {view}" in by_label.loc[one, "reasons"] for view in VIEWS) >= 2
    # What no particle covers is grouped to one place, in the particle that was taken out.
    missed = ranked[ranked["label"] == 0]
    assert made.labels[tuple(missed[["z", "y", "x"]].iloc[0])] == gone
    assert "may be missed: outlined in xy and xz and yz" in missed["reasons"].iloc[0]
    assert missed["confidence"].isna().all()
    border = {*np.unique(labels[:, 0]), *np.unique(labels[:, :, -1])} - {0}
    assert all("touches the border" in by_label.loc[name, "reasons"] for name in border)


def test_every_particle_is_listed_at_the_voxel_of_its_own_next_to_its_middle(
    made: Electrode,
) -> None:
    ranked = _ranked(made, made.labels)
    assert sorted(ranked["label"]) == [*np.unique(made.labels[made.labels > 0])]
    for row in ranked.itertuples():
        own = made.labels == row.label
        middle = np.argwhere(own).mean(0)
        assert own[row.z, row.y, row.x]
        away = np.linalg.norm(np.argwhere(own) - middle, axis=1).min()
        assert np.linalg.norm(np.array([row.z, row.y, row.x]) - middle) == pytest.approx(away)


def test_slabs_of_one_slice_change_nothing(
    made: Electrode, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.where(made.labels == 3, 0, made.labels)
    whole = _ranked(made, labels)
    monkeypatch.setattr(view_evidence, "_SLAB", 1)
    monkeypatch.setattr(body_shapes, "_SLAB", 1)
    pd.testing.assert_frame_equal(_ranked(made, labels), whole)


def test_a_ball_is_round_and_two_are_not() -> None:
    zyx = np.ones((30, 30, 60), bool)
    zyx[15, 15, 15] = False
    one = distance_transform_edt(zyx) <= 10
    two = one | np.roll(one, 19, axis=2)
    shapes = body_shapes.body_shapes(np.stack([one, two]).reshape(60, 30, 60) * 1, (1, 1, 1), 1)
    ball = body_shapes.body_shapes(one * 1, (1, 1, 1), 1)
    pair = body_shapes.body_shapes(two * 1, (1, 1, 1), 1)
    assert ball.roundness[1] == pytest.approx(1, abs=0.02)
    assert pair.roundness[1] < 0.9
    assert shapes.voxels[1] == ball.voxels[1] + pair.voxels[1]


def test_labels_of_another_table_are_refused(made: Electrode) -> None:
    stacks = {view: to_view(made.labels, view) for view in VIEWS}
    table = agreement_table(np.minimum(made.labels, 3), stacks, made.spacing)
    with pytest.raises(ValueError, match="the highest listed is 3"):
        doubtful_particles(made.labels, stacks, table, made.spacing)


def test_an_empty_volume_has_nothing_to_look_at() -> None:
    nothing = np.zeros((4, 5, 6), np.int32)
    stacks = {view: to_view(nothing, view) for view in VIEWS}
    table = agreement_table(nothing, stacks, (1, 1, 1))
    assert doubtful_particles(nothing, stacks, table, (1, 1, 1), nothing).empty
