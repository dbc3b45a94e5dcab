import networkx as nx
import numpy as np
from particlebridge.analysis.agglomeration import agglomerate


def clusters(edges, n):
    first, second, weights = zip(*edges, strict=True) if edges else ((), (), ())
    return agglomerate(np.array(first, int), np.array(second, int), np.array(weights, float), n)


def test_two_outvote_one():
    # 0-1 and 1-2 say one; 0-2 says two, less loudly than both together.
    assert clusters([(0, 1, 2.0), (1, 2, 2.0), (0, 2, -1.0)], 3).tolist() == [0, 0, 0]
    assert clusters([(0, 1, 3.0), (1, 2, 2.0), (0, 2, -2.5)], 3).tolist() == [0, 0, 1]


def test_parallel_edges_add_up():
    # Each of 0 and 1 is weakly for 2, but after 0 and 1 are one, 2 has more against it.
    edges = [(0, 1, 5.0), (0, 2, 1.0), (1, 2, -1.5)]
    assert clusters(edges, 3).tolist() == [0, 0, 1]


def test_no_edges():
    assert clusters([], 3).tolist() == [0, 1, 2]
    assert clusters([], 0).size == 0


def test_positive_graphs_give_connected_components():
    rng = np.random.default_rng(0)
    graph = nx.gnm_random_graph(3000, 3500, seed=1)
    found = clusters([(a, b, rng.random() + 0.1) for a, b in graph.edges], 3000)
    for part in nx.connected_components(graph):
        assert np.unique(found[list(part)]).size == 1
    assert found.max() + 1 == nx.number_connected_components(graph)


def test_clear_clusters_are_found_through_noise():
    rng = np.random.default_rng(2)
    truth = np.repeat(np.arange(60), 30)
    first, second = np.triu_indices(truth.size, 1)
    keep = rng.random(first.size) < 0.05
    first, second = first[keep], second[keep]
    weights = np.where(truth[first] == truth[second], 1.0, -0.2)
    weights += rng.normal(0, 0.3, weights.size)
    found = agglomerate(first, second, weights, truth.size)
    pairs = set(zip(truth.tolist(), found.tolist(), strict=True))
    # Names differ, the partition is the same for all but the few nodes with hardly an edge.
    assert len({t for t, _ in pairs}) == 60
    sizes = np.bincount(found)
    assert (sizes > 20).sum() == 60
