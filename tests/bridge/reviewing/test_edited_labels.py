"""Edited labels read as an ndarray would, and leave what lies beneath as it was."""

from typing import Any

import numpy as np
import pytest
from particlebridge.bridge.reviewing.edited_labels import EditedLabels
from particlebridge.bridge.volumes.stored_arrays import planes

KEYS: list[Any] = [
    3,
    -1,
    (slice(None), 5),
    (slice(None), slice(None), 99),
    (slice(1, 6, 2), slice(60, 70), slice(-20, None)),
    (2, 3, 4),
    Ellipsis,
    (Ellipsis, 7),
    (slice(3, 3), 0),
    slice(None, None, 3),
]


@pytest.fixture
def both() -> tuple[np.ndarray, np.ndarray, EditedLabels]:
    base = np.random.default_rng(0).integers(0, 99, (8, 70, 130)).astype(np.uint8)
    plain, edited = base.astype(np.int32), EditedLabels(base)
    for box, value in (
        (np.s_[0:3, 60:68, 100:130], 70_000),
        (np.s_[2:3, 0:70, 5:6], np.arange(70).reshape(1, 70, 1)),
        (np.s_[7:8, 69:70, 129:130], 5),
    ):
        plain[box] = value
        edited[box] = value
    return base, plain, edited


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_it_reads_as_an_array(both: tuple[np.ndarray, np.ndarray, EditedLabels], key: Any) -> None:
    _, plain, edited = both
    found = edited[key]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, plain[key])


def test_as_a_whole(both: tuple[np.ndarray, np.ndarray, EditedLabels]) -> None:
    base, plain, edited = both
    assert (len(edited), edited.size, edited.ndim) == (8, plain.size, 3)
    np.testing.assert_array_equal(np.asarray(edited), plain)
    np.testing.assert_array_equal(np.stack(list(planes(edited))), plain)
    assert int(base.max()) < 99
    patched = base.astype(np.int32)
    for box, chunk in edited.changed():
        patched[box] = chunk
    np.testing.assert_array_equal(patched, plain)


def test_nothing_is_held_for_what_does_not_change() -> None:
    edited = EditedLabels(np.ones((128, 128, 128), np.uint16))
    edited[:, :, :] = 1
    assert list(edited.changed()) == []
    edited[64:65, 0:1, 0:1] = 2
    assert [box[0].start for box, _ in edited.changed()] == [64]


@pytest.mark.parametrize("key", [8, (0, 0, 130), (0, 0, 0, 0), slice(None, None, -1)], ids=str)
def test_what_lies_outside_is_refused(key: Any) -> None:
    with pytest.raises(IndexError):
        EditedLabels(np.zeros((8, 70, 130), np.uint8))[key]


def test_writing_takes_boxes_only() -> None:
    edited = EditedLabels(np.zeros((8, 70, 130), np.uint8))
    with pytest.raises(IndexError, match="box by box"):
        edited[0] = 1
