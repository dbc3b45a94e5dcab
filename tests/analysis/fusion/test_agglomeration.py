import networkx as nx
import numpy as np
from particlebridge.analysis.fusion.agglomeration import agglomerate


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


def contract_one_by_one(first, second, weights, n):
    """The same by definition: look for the best pair, add up, repeat."""
    graph = {i: {} for i in range(n)}
    for a, b, weight in zip(first, second, weights, strict=True):
        graph[a][b] = graph[b][a] = weight
    root = np.arange(n)
    while True:
        edges = [(w, a, b) for a in graph for b, w in graph[a].items() if a < b and w > 0]
        if not edges:
            return root
        _, a, b = max(edges)
        for c, weight in graph.pop(b).items():
            del graph[c][b]
            if c != a:
                graph[a][c] = graph[c][a] = graph[a].get(c, 0) + weight
        root[root == b] = a


def test_as_by_definition():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(2, 30))
        first, second = np.triu_indices(n, 1)
        keep = rng.random(first.size) < rng.choice([0.1, 0.3, 0.8])
        first, second = first[keep], second[keep]
        weights = rng.normal(rng.choice([-0.5, 0.0, 0.3]), 1, first.size)
        expected = contract_one_by_one(first, second, weights, n)
        found = agglomerate(first, second, weights, n)
        assert np.array_equal(found[:, None] == found, expected[:, None] == expected)
