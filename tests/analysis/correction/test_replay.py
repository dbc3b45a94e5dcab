"""Acts change just what they say, are taken back exactly, and find their particles by place."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from particlebridge.analysis import electrode
from particlebridge.analysis.correction.acts import (
    Accept,
    Box,
    Cut,
    Delete,
    Edit,
    Merge,
    Paint,
    Split,
    Unsure,
)
from particlebridge.analysis.correction.particles import NoLongerFits
from particlebridge.analysis.correction.replay import LabelEditor
from scipy.ndimage import find_objects

MADE = electrode((24, 48, 48), seed=1, radius=(5, 8))


def boxes(labels: np.ndarray) -> dict[int, Box]:
    found = {}
    for label, where in enumerate(find_objects(labels), start=1):
        if where is not None:
            z, y, x = where
            found[label] = (z.start, y.start, x.start, z.stop, y.stop, x.stop)
    return found


@pytest.fixture
def editor() -> LabelEditor:
    labels = MADE.labels.copy()
    return LabelEditor(labels, boxes(labels))


def largest(editor: LabelEditor) -> list[int]:
    sizes = np.bincount(np.asarray(editor.labels[:]).ravel())
    sizes[0] = 0
    return [int(label) for label in np.argsort(sizes)[::-1][:3]]


def halves(editor: LabelEditor, label: int) -> tuple[tuple[int, int, int], ...]:
    mask = np.argwhere(np.asarray(editor.labels[:]) == label)
    ends = mask[mask[:, 2].argmin()], mask[mask[:, 2].argmax()]
    return tuple((int(z), int(y), int(x)) for z, y, x in ends)


def split(editor: LabelEditor) -> Edit:
    label = largest(editor)[0]
    particle = editor.reference(label)
    seeds = halves(editor, label)
    return Split(particle, seeds, (editor.highest + 1,), *editor.seeded(label, seeds))


def cut(editor: LabelEditor) -> Edit:
    particle = editor.reference(largest(editor)[0])
    return Cut(particle, particle.at, (0.0, 1.0, 0.5), (editor.highest + 1,))


def painted(editor: LabelEditor) -> Edit:
    first, second, _ = largest(editor)
    box = editor.known(second).box
    mask = np.zeros((box[3] - box[0], box[4] - box[1], box[5] - box[2]), bool)
    mask[:, : mask.shape[1] // 2] = True
    return Paint(editor.reference(first), (), box, mask)


def added(editor: LabelEditor) -> Edit:
    box = (0, 0, 0, 4, 4, 4)
    return Paint(None, (editor.highest + 1,), box, np.ones((4, 4, 4), bool))


def erased(editor: LabelEditor) -> Edit:
    first = largest(editor)[0]
    box = editor.known(first).box
    mask = np.ones((box[3] - box[0], box[4] - box[1], box[5] - box[2]), bool)
    mask[:2] = False
    return Paint(editor.reference(first), (), box, None, mask)


ACTS: dict[str, Callable[[LabelEditor], Edit]] = {
    "accept": lambda e: Accept(e.reference(largest(e)[0])),
    "unsure": lambda e: Unsure(e.reference(largest(e)[0])),
    "delete": lambda e: Delete(e.reference(largest(e)[0])),
    "merge": lambda e: Merge(tuple(e.reference(label) for label in largest(e))),
    "split": split,
    "cut": cut,
    "paint": painted,
    "add": added,
    "erase": erased,
}


def state(editor: LabelEditor) -> tuple[np.ndarray, dict]:
    return np.array(editor.labels[:]), {
        label: (editor.known(label), editor.particles[label].review) for label in editor.particles
    }


@pytest.mark.parametrize("name", ACTS)
def test_what_is_known_is_what_the_labels_say_and_undo_takes_all_back(
    editor: LabelEditor, name: str
) -> None:
    labels, known = state(editor)
    change = editor.do(ACTS[name](editor))
    after = np.asarray(editor.labels[:])
    sizes = np.bincount(after.ravel())
    assert set(editor.particles) == set(np.flatnonzero(sizes)) - {0}
    for label in editor.particles:
        particle = editor.known(label)
        assert particle.voxels == sizes[label]
        assert particle.box == boxes(after)[label]
        assert after[particle.at] == label
    if name not in ("accept", "unsure"):
        assert not np.array_equal(after, labels)
    editor.undo(change)
    back, known_again = state(editor)
    np.testing.assert_array_equal(back, labels)
    assert known_again == known


def test_each_act_does_what_it_says(editor: LabelEditor) -> None:
    before = np.array(editor.labels[:])
    first, second, third = largest(editor)
    merged = editor.do(ACTS["merge"](editor))
    np.testing.assert_array_equal(
        editor.labels[:], np.where(np.isin(before, [second, third]), first, before)
    )
    assert editor.particles[first].review == "corrected"
    editor.undo(merged)
    act = painted(editor)
    assert isinstance(act, Paint) and act.add is not None
    editor.do(act)
    z, y, x = (slice(act.box[a], act.box[a + 3]) for a in range(3))
    assert (np.asarray(editor.labels[z, y, x])[act.add] == first).all()
    # The neighbour only lost voxels: that its remainder is right, nobody said.
    assert editor.particles[second].review == "trimmed"
    accepted = editor.do(Accept(editor.reference(second)))
    assert editor.particles[second].review == "accepted"
    editor.undo(accepted)
    editor.do(Accept(editor.reference(first)))
    assert editor.particles[first].review == "corrected"
    editor.do(Unsure(editor.reference(first)))
    assert editor.particles[first].review == "unsure"
    editor.do(Accept(editor.reference(third)))
    assert editor.particles[third].review == "accepted"
    editor.do(added(editor))
    assert editor.particles[editor.highest].review == "added"


@pytest.mark.parametrize(
    "said, then", [("accept", "trimmed"), ("unsure", "unsure"), ("erase", "corrected")]
)
def test_what_was_said_of_a_particle_before_another_takes_its_voxels(
    editor: LabelEditor, said: str, then: str
) -> None:
    first = largest(editor)[0]
    editor.do(ACTS[said](editor))
    z, y, x = editor.known(first).at or (0, 0, 0)
    box = (z, y, x, z + 1, y + 1, x + 1)
    editor.do(Paint(None, (editor.highest + 1,), box, np.ones((1, 1, 1), bool)))
    assert editor.particles[first].review == then


@pytest.mark.parametrize("name", ACTS)
def test_on_other_labels_an_act_finds_its_particle_by_place(editor: LabelEditor, name: str) -> None:
    act = ACTS[name](editor)
    rng = np.random.default_rng(2)
    # The same particles with other numbers, and one voxel thinner below.
    renamed = np.concatenate([[0], 1 + rng.permutation(int(MADE.labels.max()))])[MADE.labels]
    renamed[0] = 0
    renamed = renamed.astype(np.int32)
    other = LabelEditor(renamed.copy(), boxes(renamed))
    highest = other.highest
    other.do(act, exact=False)
    editor.do(act)
    here, there = np.asarray(editor.labels[:])[1:], np.asarray(other.labels[:])[1:]
    np.testing.assert_array_equal(here > 0, there > 0)
    pairs = {(int(a), int(b)) for a, b in zip(here[here > 0], there[here > 0], strict=True)}
    if name != "split":  # grown again from its seeds, on another shape
        assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    if act.name in ("split", "cut") or name == "add":
        assert other.highest == highest + 1


def test_what_is_gone_or_another_particle_no_longer_fits(editor: LabelEditor) -> None:
    first, second, third = largest(editor)
    act = Accept(editor.reference(first))
    editor.do(Delete(editor.reference(first)))
    with pytest.raises(NoLongerFits, match="there is no particle at"):
        editor.do(act)
    both = Merge((editor.reference(second), editor.reference(third)))
    editor.do(both)
    with pytest.raises(NoLongerFits):
        editor.do(both)
    now = editor.reference(second)
    z0, y0, x0, z1, y1, x1 = now.box
    for changed, words in (
        ({"voxels": 2 * now.voxels + 1}, "has .* voxels, and"),
        ({"box": (z0, y0, x0, z1, y1, x0 + (x1 - x0) // 2 - 1)}, "elsewhere"),
    ):
        with pytest.raises(NoLongerFits, match=words):
            editor.do(Accept(replace(now, **changed)))


def test_a_misfit_leaves_the_labels_as_they_were(editor: LabelEditor) -> None:
    labels = np.array(editor.labels[:])
    particle = editor.reference(largest(editor)[0])
    beside = Cut(particle, (0.0, 0.0, -1.0), (0.0, 0.0, 1.0), (editor.highest + 1,))
    with pytest.raises(NoLongerFits, match="nothing of particle"):
        editor.do(beside)
    np.testing.assert_array_equal(editor.labels[:], labels)
    taken = Cut(particle, particle.at, (0.0, 1.0, 0.0), (largest(editor)[1],))
    with pytest.raises(NoLongerFits, match="a particle's already"):
        editor.do(taken)


def test_labels_end_at_what_their_type_holds(editor: LabelEditor) -> None:
    editor.highest = 2**31 - 1
    with pytest.raises(NoLongerFits, match="no labels left"):
        editor.do(added(editor), exact=False)
