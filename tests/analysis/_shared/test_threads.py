import numpy as np
import pytest
from particlebridge.analysis._shared import parallel as threads
from particlebridge.analysis._shared.parallel import in_pieces


@pytest.mark.parametrize("shape", [(1,), (7, 3), (1000, 2, 2)])
def test_pieces_cover_the_first_axis_in_order(shape):
    pieces = in_pieces(lambda start, stop: (start, stop), shape)
    edges = np.array(pieces)
    assert edges[0, 0] == 0 and edges[-1, 1] == shape[0]
    assert np.array_equal(edges[1:, 0], edges[:-1, 1]) and (edges[:, 1] > edges[:, 0]).all()


def test_large_volumes_come_in_small_pieces(monkeypatch):
    monkeypatch.setattr(threads, "_PIECE", 50)
    assert max(b - a for a, b in in_pieces(lambda a, b: (a, b), (100, 5, 5))) <= 2


def test_nothing_to_do():
    assert in_pieces(lambda start, stop: 1, (0, 5, 5)) == []


def test_what_fails_in_a_thread_fails_here():
    def work(start, stop):
        raise ValueError("bad piece")

    with pytest.raises(ValueError, match="bad piece"):
        in_pieces(work, (4, 4))
