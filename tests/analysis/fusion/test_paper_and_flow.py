"""The two methods of the paper, step by step on fields whose answer is known."""

import numpy as np
import pytest
from particlebridge.analysis import VIEWS, flow_fusion, paper_fusion, to_view


def heights(field):
    """The same field from all three views."""
    return {view: to_view(field, view) for view in VIEWS}


def blocks(shape=(20, 24, 28)):
    labels = np.zeros(shape, np.int32)
    labels[2:10, 2:10, 2:10], labels[2:18, 12:22, 14:26] = 1, 2
    return labels


def test_paper_keeps_all_but_the_darkest_of_five_clusters():
    # Levels 0, 10, 20, 30, 40: the clusters are the levels, and only 0 is background.
    field = np.zeros((10, 10, 30), np.float32)
    for k in range(4):
        field[3:7, 3:7, 7 * k + 1 : 7 * k + 6] = 10 * (k + 1)
    labels = paper_fusion(heights(field), downscale=1, min_voxels=1)
    assert labels.max() == 4 and np.array_equal(labels > 0, field > 0)


@pytest.mark.parametrize(("voxels", "kept"), [(2000, 0), (2001, 1)])
def test_paper_drops_a_body_of_exactly_2000_voxels(voxels: int, kept: int) -> None:
    field = np.zeros((14, 24, 24), np.float32)
    body = field[2:12, 2:22, 2:12]
    body[...] = 5
    if voxels > body.size:
        field[2, 2, 12] = 5
    assert paper_fusion(heights(field), downscale=1).max() == kept


def test_paper_joins_corners_and_drops_small_components():
    field = np.zeros((12, 12, 12), np.float32)
    field[1:4, 1:4, 1:4] = field[4:7, 4:7, 4:7] = 5
    field[10, 10, 10] = 5
    assert paper_fusion(heights(field), 1, 2).max() == 1
    assert paper_fusion(heights(field), 1, 1).max() == 2
    assert paper_fusion(heights(field), 1, 55).max() == 0


def test_paper_tells_lone_voxels_in_one_slice_apart():
    field = np.zeros((1, 9, 9), np.float32)
    field[:, ::2, ::2] = 5
    assert paper_fusion(heights(field), 1, 1).max() == 25


@pytest.mark.parametrize("shape", [(20, 24, 28), (21, 23, 26)])
def test_paper_comes_back_to_full_size(shape):
    truth = blocks(shape)
    labels = paper_fusion(heights((truth > 0).astype(np.float32)), 0.5, 8)
    assert labels.shape == shape and labels.max() == 2
    for label in (1, 2):
        found = np.bincount(labels[truth == label]).argmax()
        both = np.count_nonzero((labels == found) & (truth == label))
        assert both > 0.75 * np.count_nonzero((labels == found) | (truth == label))


def test_paper_of_one_value_is_empty():
    assert not paper_fusion(heights(np.full((5, 6, 7), 3.0, np.float32)), 1, 1).any()


@pytest.mark.parametrize("downscale", [0, -1, 1.5])
def test_paper_checks_its_scale(downscale):
    with pytest.raises(ValueError, match="scale"):
        paper_fusion(heights(np.ones((4, 4, 4))), downscale, 1)


def balls(apart, radius=8):
    shape = (20, 20, 20 + apart)
    grid = np.stack(np.indices(shape), -1)
    return [((grid - (10, 10, x)) ** 2).sum(-1) <= radius**2 for x in (10, 10 + apart)]


def test_flow_joins_peaks_over_a_high_saddle_and_parts_them_over_a_low_one():
    for apart, bodies in ((5, 1), (15, 2)):
        one, two = balls(apart)
        merged = (one | two).astype(np.int32)
        assert flow_fusion(heights(merged)).max() == bodies


def test_flow_takes_what_most_views_hold():
    one, two = (ball.astype(np.int32) for ball in balls(20))
    both = one + 2 * two
    stacks = {"xy": both, "xz": to_view(both, "xz"), "yz": to_view(one, "yz")}
    assert flow_fusion(stacks).max() == 2
    stacks["xz"] = to_view(one, "xz")
    found = flow_fusion(stacks)
    assert found.max() == 1 and not found[two > 0].any()


def test_flow_knows_flat_voxels():
    one, two = balls(17)
    labels = (one + 2 * two).astype(np.int32)[::2]
    found = flow_fusion(heights(labels), spacing=(2.0, 1.0, 1.0))
    assert found.max() == 2
    assert np.mean((found > 0) == (labels > 0)) > 0.98
