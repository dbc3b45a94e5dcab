"""Synchrony against closed forms, networkx, and electrodes whose coupling is known."""

import networkx
import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import find_synchrony
from particlebridge.analysis.phantom.tables import electrode_tables
from particlebridge.analysis.synchrony.correlogram import correlogram, reach
from particlebridge.analysis.synchrony.local_spread import depth_correlation, local_spread
from particlebridge.analysis.synchrony.neighbours import (
    assortativity,
    blocks_of,
    jackknife,
    morans_i,
    neighbour_difference,
)
from particlebridge.analysis.synchrony.network import distance_steps, network_of
from particlebridge.analysis.synchrony.permutations import (
    nested_classes,
    permuted,
    residuals,
    two_sided,
)
from particlebridge.analysis.synchrony.spread import (
    gini,
    spread_difference,
    spread_interval,
    variation,
)
from scipy.sparse import csr_array


def chain(n):
    """Particles in a row, each touching the next, along Z."""
    table = pd.DataFrame({"label": np.arange(1, n + 1), "X": 0.0, "Y": 0.0, "Z": np.arange(n) * 2.0,
                          "Volume": 1.0, "Damage": np.linspace(0.1, 0.3, n)})  # fmt: skip
    return table, pd.DataFrame({"source": np.arange(1, n), "target": np.arange(2, n + 1)})


def matrix(contacts, n):
    found = csr_array(
        (np.ones(len(contacts)), (contacts["source"] - 1, contacts["target"] - 1)), shape=(n, n)
    )
    return (found + found.T).tocsr()


def of(found, quantity, state=None):
    rows = found.numbers[found.numbers["quantity"] == quantity]
    return (rows if state is None else rows[rows["state"] == state]).iloc[0]


def test_gini_and_variation_of_distributions_with_closed_forms():
    rng = np.random.default_rng(0)
    assert gini(np.ones(5)) == 0
    assert gini(np.array([0.0, 0, 0, 1])) == 0.75  # 1 - 1 / n: one has it all
    assert gini(rng.exponential(1, 200_000)) == pytest.approx(0.5, abs=0.005)
    assert gini(rng.random(200_000)) == pytest.approx(1 / 3, abs=0.005)
    assert variation(rng.gamma(4, 1, 200_000)) == pytest.approx(0.5, abs=0.005)
    doubled = gini(np.vstack([[1.0, 2, 3], [2.0, 4, 6]]))
    assert doubled[0] == pytest.approx(doubled[1])  # free of scale


def test_spread_intervals_hold_the_truth_as_often_as_they_say():
    inside = 0
    for seed in range(60):
        values = np.random.default_rng(seed).exponential(1, 150)
        low, high = spread_interval(values, "Gini coefficient", seed)
        inside += low <= 0.5 <= high
    assert inside >= 51  # 95 % of 60 are 57; fewer than 51 has a chance of 1 in 70 at 92 %


def test_spread_difference_finds_one_and_invents_none():
    rng = np.random.default_rng(3)
    even, uneven = rng.gamma(8, 1, 300), rng.gamma(2, 1, 300)
    value, low, high, p = spread_difference(uneven, even, "Gini coefficient", 0)
    assert low < value < high < 0
    assert p < 0.01
    # Three times the Damage, as unevenly spread: no difference.
    assert spread_difference(uneven, 3 * rng.gamma(2, 1, 300), "Gini coefficient", 0)[3] > 0.05


def test_morans_i_and_assortativity_of_small_networks():
    pairs = matrix(chain(4)[1], 4)
    values = np.array([1.0, -1, 1, -1])
    assert morans_i(pairs, values) == pytest.approx(-1)
    assert morans_i(pairs, np.array([1.0, 1, -1, -1])) == pytest.approx(1 / 3)
    both = morans_i(pairs, np.column_stack([values, [1.0, 1, -1, -1]]))
    np.testing.assert_allclose(both, [-1, 1 / 3])
    assert assortativity(pairs, values) == pytest.approx(-1)


def test_assortativity_is_that_of_networkx():
    particles, contacts = electrode_tables((80, 120, 120), seed=4)
    graph = networkx.from_pandas_edgelist(contacts)
    damage = particles["Damage"].to_numpy()
    networkx.set_node_attributes(graph, dict(zip(particles["label"], damage, strict=True)), "d")
    ours = assortativity(matrix(contacts, len(damage)), damage)
    theirs = networkx.numeric_assortativity_coefficient(graph, "d")
    assert ours == pytest.approx(theirs)


def test_steps_are_shortest_ways_and_lead_over_particles_that_are_left_out():
    table, contacts = chain(6)
    table["Border"] = [False, False, True, False, False, False]
    table.loc[4, "Damage"] = np.nan
    network = network_of(table, contacts)
    assert network.damage.tolist() == table["Damage"][[0, 1, 3, 5]].tolist()
    assert [step.nnz // 2 for step in network.steps] == [1, 2, 1, 1, 1]
    assert network.steps[1].toarray()[1, 2] == 1  # over the one that is cut
    assert "1 of 6 particles are cut" in network.notes[0]
    assert "the Damage of 1 of 6 particles is not known" in network.notes[1]


def test_contacts_of_volumes_with_the_same_labels():
    table, contacts = chain(3)
    both = pd.concat([table.assign(volume="a"), table.assign(volume="b")], ignore_index=True)
    named = pd.concat([contacts.assign(volume="a"), contacts.assign(volume="b")])
    network = network_of(both, named)
    assert network.steps[0].nnz // 2 == 4
    assert not network.steps[0].toarray()[:3, 3:].any()
    assert not sum(step.toarray()[:3, 3:].sum() for _, step in distance_steps(network))
    unnamed = network_of(both, contacts)
    assert not unnamed.steps
    assert "labels name several particles" in unnamed.notes[-1]


def test_distance_steps_of_a_chain():
    network = network_of(*chain(8))
    assert [(at, step.nnz // 2) for at, step in distance_steps(network)] == [
        (2.0, 7), (4.0, 6), (6.0, 5), (8.0, 4), (10.0, 3),
    ]  # fmt: skip


def test_variogram_of_a_line_is_half_the_squared_distance():
    table, contacts = chain(8)
    network = network_of(table.assign(Damage=np.arange(8) / 10), contacts)
    damage = network.damage
    dealt = permuted(damage, network.volume, np.random.default_rng(0))
    found = correlogram(distance_steps(network), damage, dealt, damage, dealt)
    np.testing.assert_allclose(found["semivariance"], (found["at"] / 20) ** 2 / 2)


def test_reach_ends_at_the_first_step_inside_the_band():
    found = pd.DataFrame({"at": [1.0, 2, 3], "correlation": [0.3, 0.1, 0.3], "high": 0.2})
    assert reach(found, "correlation", "high") == 1
    assert reach(found.assign(high=0.05), "correlation", "high") == 3
    assert reach(found.assign(high=0.5), "correlation", "high") == 0


def test_permutations_stay_in_their_classes():
    rng = np.random.default_rng(0)
    depth, size, volume = rng.random(200), rng.random(200), np.repeat([0, 1], [64, 136])
    classes = nested_classes([depth, size], volume)
    members = np.bincount(classes)
    assert members[members > 0].min() >= 12
    values = rng.random(200)
    dealt = permuted(values, classes, rng)
    assert dealt.shape == (200, 999)
    assert (dealt != values[:, None]).any(axis=1).mean() > 0.95
    for code in np.unique(classes):
        assert np.ptp(volume[classes == code]) == 0
        own = np.sort(values[classes == code])
        assert (np.sort(dealt[classes == code], axis=0) == own[:, None]).all()


def test_residuals_leave_nothing_of_a_quadratic_rule():
    rng = np.random.default_rng(0)
    a, b = rng.random(100), rng.random(100)
    left = residuals(3 + a - 2 * a * b + b**2, [a, b, np.ones(100)])
    np.testing.assert_allclose(left, 0, atol=1e-12)


def test_two_sided_p_values():
    drawn = np.arange(99.0)
    assert two_sided(200, drawn) == two_sided(-1, drawn) == pytest.approx(0.02)
    assert two_sided(49, drawn) == 1


def test_local_spread_is_the_standard_deviation_of_those_that_touch():
    values = np.array([0.1, 0.2, 0.4, 0.4])
    found = local_spread(matrix(chain(4)[1], 4), values)
    assert np.isnan(found[[0, 3]]).all()  # one neighbour is too few
    np.testing.assert_allclose(found[1:3], [values[:3].std(ddof=1), values[1:].std(ddof=1)])
    rising = depth_correlation(np.arange(3.0), np.array([[0.1, 0.3], [0.2, 0.2], [0.5, 0.1]]))
    np.testing.assert_allclose(rising, [1, -1])


def test_the_jackknife_error_is_that_of_many_electrodes():
    """Its mean over electrodes with one coupling against the spread of Moran's I over them."""
    values, errors = [], []
    for seed in range(30):
        network = network_of(*electrode_tables(seed=seed, drivers=(), coupling=0.5))
        blocks = blocks_of(network.places, network.volume)
        values.append(float(morans_i(network.steps[0], network.damage)))
        errors.append(jackknife(morans_i, network.steps[0], network.damage, blocks)[0])
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.35)


def test_neighbour_difference_is_welchs():
    value, low, high, p = neighbour_difference((0.1, 0.05, 20.0), (0.4, 0.05, 20.0))
    assert value == pytest.approx(0.3)
    assert low < 0.3 < high
    assert p < 0.001
    assert np.isnan(neighbour_difference((0.1, np.nan, 0.0), (0.4, 0.05, 20.0))[1:]).all()


@pytest.fixture(scope="module")
def found():
    """10: drivers but no coupling. 50: coupling beside them."""
    early, coupled = electrode_tables(seed=1, cycles=10), electrode_tables(seed=2, coupling=0.6)
    return find_synchrony({"10": early[0], "50": coupled[0]}, {"10": early[1], "50": coupled[1]})


def test_drivers_alone_fool_the_plain_test_and_not_the_harder_one(found):
    assert of(found, "Moran's I", "10")["p"] < 0.05
    assert of(found, "Moran's I beyond the drivers", "10")["p"] > 0.05


def test_coupling_is_found_beyond_the_drivers(found):
    beyond = of(found, "Moran's I beyond the drivers", "50")
    assert beyond["p"] < 0.05
    assert 0 < beyond["low"] < beyond["value"] < beyond["high"]
    reaches = found.numbers[found.numbers["quantity"] == "reach beyond the drivers"]
    assert (reaches.loc[reaches["state"] == "50", "value"] > 0).all()


def test_states_that_differ_in_coupling_differ(found):
    row = found.differences.set_index("quantity").loc["Moran's I beyond the drivers"]
    assert (row["state_a"], row["state_b"]) == ("10", "50")
    assert 0 < row["low"] < row["value"] < row["high"]
    assert row["p"] <= row["p_holm"] < 0.05


def test_the_table_holds_numbers_and_differences(found):
    table = found.table()
    assert len(table) == len(found.numbers) + len(found.differences)
    assert table["to"].notna().sum() == len(found.differences)


def test_without_contacts_and_places_the_spread_is_left():
    particles, _ = electrode_tables((80, 120, 120), seed=4)
    found = find_synchrony(particles.drop(columns=["X", "Y"]))
    assert set(found.numbers["quantity"]) == {"Gini coefficient", "coefficient of variation"}
    assert any("contacts are not known" in note for note in found.notes)
    assert any("places are not known" in note for note in found.notes)


def test_states_that_cannot_be_measured_are_named():
    particles, contacts = electrode_tables((80, 120, 120), seed=4)
    found = find_synchrony(
        {"few": particles[:10], "same": particles.assign(Damage=0.0)},
        {"few": contacts, "same": contacts},
    )
    assert found.states == ()
    assert found.table().empty
    assert any("state few is not measured: only" in note for note in found.notes)
    assert any("state same is not measured: Damage is the same" in note for note in found.notes)
