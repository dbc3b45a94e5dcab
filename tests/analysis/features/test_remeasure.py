"""Measured again only where labels changed, the tables are those of a full measurement."""

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import contacts, electrode, find_void, measure
from particlebridge.analysis.correction.acts import Box, Cut, Delete, Merge, Paint
from particlebridge.analysis.correction.replay import LabelEditor
from particlebridge.analysis.features.remeasure import contacts_again, measure_again
from particlebridge.analysis.material.void_evidence import coded
from scipy.ndimage import find_objects

MADE = electrode((32, 64, 72), seed=4, radius=(4, 6))
MEASURING = {"ball": 0.7, "density_reach": 3.0}


def boxes(labels: np.ndarray) -> dict[int, Box]:
    return {
        label: (z.start, y.start, x.start, z.stop, y.stop, x.stop)
        for label, (z, y, x) in enumerate(
            (where or (slice(0, 0),) * 3 for where in find_objects(labels)), start=1
        )
        if z.stop
    }


@pytest.fixture(scope="module")
def corrected() -> tuple[np.ndarray, LabelEditor, dict[int, Box]]:
    """Labels after an act of each kind that changes voxels, and the boxes of what was there."""
    labels = MADE.labels.copy()
    before = boxes(labels)
    editor = LabelEditor(labels, before)
    middle = sorted(before, key=lambda label: abs(np.mean(before[label][1::3]) - 32))
    deleted, first, second, parted, painted = middle[:5]
    editor.do(Delete(editor.reference(deleted)))
    editor.do(Merge((editor.reference(first), editor.reference(second))))
    particle = editor.reference(parted)
    editor.do(Cut(particle, particle.at, (1.0, 0.5, 0.0), (editor.highest + 1,)))
    particle = editor.reference(painted)
    low = [max(0, v - 2) for v in particle.box[:3]]
    high = [min(n, v + 2) for v, n in zip(particle.box[3:], labels.shape, strict=True)]
    mask = np.zeros([b - a for a, b in zip(low, high, strict=True)], bool)
    mask[:, :, :5] = True
    editor.do(Paint(particle, (), (*low, *high), mask))  # type: ignore[arg-type]
    return labels, editor, before


@pytest.mark.parametrize("kind", ["whole", "float", "seen"])
def test_the_tables_are_those_of_a_full_measurement(
    corrected: tuple[np.ndarray, LabelEditor, dict[int, Box]], kind: str
) -> None:
    labels, editor, before = corrected
    volume = MADE.volume.astype(np.float32) if kind == "float" else MADE.volume
    seen = None
    if kind == "seen":
        seen = np.ones(labels.shape, bool)
        seen[:, :, :6] = False
    moved = labels != MADE.labels
    differ = {int(v) for v in np.unique([labels[moved], MADE.labels[moved]])} - {0}
    solid = _solid(MADE.labels)
    after = np.where(labels > 0, solid, 0).astype(np.uint8)
    after[np.isin(labels, list(differ))] = _solid(labels)[np.isin(labels, list(differ))]
    given = {"field_of_view": seen, **MEASURING}
    old = measure(volume, MADE.labels, MADE.spacing, solid, **given)
    full = measure(volume, labels, MADE.spacing, after, **given)
    now = {label: editor.known(label).box for label in editor.particles}
    places = [place[label] for place in (before, now) for label in differ if label in place]
    table, again = measure_again(old, volume, labels, MADE.spacing, after, now, places, **given)
    pd.testing.assert_frame_equal(table, full, check_dtype=False, rtol=1e-9)
    assert len(differ) < again < len(full)
    one = contacts(MADE.labels, MADE.spacing)
    found = contacts_again(
        one,
        labels,
        MADE.spacing,
        {label: now[label] for label in differ if label in now},
        [label for label in differ if label not in now],
    )
    pd.testing.assert_frame_equal(
        found, contacts(labels, MADE.spacing), check_dtype=False, rtol=1e-9
    )
    assert not found.equals(one)


def _solid(labels: np.ndarray) -> np.ndarray:
    mask, void = find_void(MADE.volume, labels, MADE.spacing)
    return coded(mask, labels, void)


def test_nothing_changed_is_the_same_table() -> None:
    solid = _solid(MADE.labels)
    old = measure(MADE.volume, MADE.labels, MADE.spacing, solid, **MEASURING)
    table, again = measure_again(
        old, MADE.volume, MADE.labels, MADE.spacing, solid, boxes(MADE.labels), [], **MEASURING
    )
    assert again == 0
    pd.testing.assert_frame_equal(table, old, check_dtype=False)
    one = contacts(MADE.labels, MADE.spacing)
    pd.testing.assert_frame_equal(contacts_again(one, MADE.labels, MADE.spacing, {}), one)
