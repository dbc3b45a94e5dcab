"""Contacts between particles: who, how much, where."""

import networkx as nx
import numpy as np
import pytest
from particlebridge.analysis import contacts, measure
from shapes import ball


def three_balls() -> np.ndarray:
    """1 and 2 overlap in a disc across x, 2 and 9 touch in one face, 4 is alone."""
    shape = (40, 40, 110)
    labels = np.zeros(shape, np.int32)
    labels[ball(shape, (20, 20, 20), 15)] = 1
    labels[ball(shape, (20, 20, 44), 15) & (np.arange(110) >= 32)] = 2
    labels[ball(shape, (20, 20, 71), 11)] = 9
    labels[20, 20, 60] = 9
    labels[2, 2, 100] = 4
    return labels


def test_disc_between_two_balls() -> None:
    labels = three_balls()
    table = contacts(labels, (0.5, 0.5, 0.5))
    assert table[["source", "target"]].values.tolist() == [[1, 2], [2, 9]]
    # Cut 12 voxels from the centre of a ball of 15: a disc of radius 9.
    assert table["area"][0] == pytest.approx(np.pi * 81 * 0.25, rel=0.05)
    assert table["X"][0] == pytest.approx(31.5 * 0.5)
    assert table["Y"][0] == pytest.approx(10)
    assert table["Z"][0] == pytest.approx(10)
    assert table["faces"][0] == ((labels[:, :, 31] == 1) & (labels[:, :, 32] == 2)).sum()


def test_area_of_an_oblique_boundary_is_not_the_staircases() -> None:
    _, y, x = np.mgrid[:60, :60, :60]
    labels = np.where(x + y > 59, 2, 1).astype(np.int32)
    table = contacts(labels, (1, 1, 1))
    assert table["area"][0] == pytest.approx(60 * 60 * np.sqrt(2), rel=0.03)
    assert table["faces"][0] > 1.35 * table["area"][0]


@pytest.mark.parametrize("spacing", [(1, 1, 1), (2, 1, 1), (0.3, 0.5, 0.4)])
def test_a_particle_wholly_enclosed_touches_over_its_whole_surface(spacing) -> None:
    labels = np.where(ball((40, 40, 40), (20, 19, 20), 12), 5, 3).astype(np.int32)
    table = contacts(labels, spacing)
    surface = measure(None, labels, spacing).set_index("label")["SurfaceOuter"][5]
    assert table["area"][0] == pytest.approx(surface, rel=1e-6)


def test_networkx_reads_the_table() -> None:
    graph = nx.from_pandas_edgelist(contacts(three_balls(), (1, 1, 1)), edge_attr=True)
    assert sorted(graph.nodes) == [1, 2, 9]
    assert graph[1][2]["area"] > graph[2][9]["area"] > 0
    assert nx.is_connected(graph)


def test_reading_by_slabs_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (6, 6, 7)).repeat(5, 0).repeat(4, 1).repeat(3, 2).astype(np.uint16)
    whole = contacts(labels, (1.5, 1, 0.7))
    for block in (1, 3, 8, 100):
        for workers in (1, 3):
            assert contacts(labels, (1.5, 1, 0.7), block=block, workers=workers).equals(whole)


def test_every_face_is_counted_once() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (9, 10, 11)).astype(np.int32)
    expected: dict[tuple[int, int], int] = {}
    for axis in range(3):
        a = np.moveaxis(labels, axis, 0)
        for p, q in zip(a[:-1].ravel(), a[1:].ravel(), strict=True):
            if p != q and p and q:
                key = (min(p, q), max(p, q))
                expected[key] = expected.get(key, 0) + 1
    table = contacts(labels, (1, 1, 1))
    assert {(s, t): f for s, t, f in table[["source", "target", "faces"]].values} == expected


def test_no_contact_is_an_empty_table_with_columns_and_units() -> None:
    for labels in (np.zeros((4, 4, 4), np.int32), np.eye(4, dtype=np.int32)[None].repeat(2, 0)):
        table = contacts(labels, (1, 1, 1))
        assert len(table) == 0
        assert list(table.columns) == ["source", "target", "area", "faces", "X", "Y", "Z", "unit"]
        assert table.attrs["units"]["area"] == "um2"
    assert list(nx.from_pandas_edgelist(table, edge_attr=True)) == []


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"must be \(Z, Y, X\)"):
        contacts(np.zeros((4, 4), np.int32), (1, 1, 1))
    with pytest.raises(ValueError, match="must be integers"):
        contacts(np.zeros((4, 4, 4)), (1, 1, 1))
    with pytest.raises(ValueError, match="spacing"):
        contacts(np.zeros((4, 4, 4), np.int32), (1, 0, 1))
