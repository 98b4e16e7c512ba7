"""Growing, trimming and routing, against scikit-learn."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from trainer.distill import certainty, distill, grow, route, trim
from trainer.pruning import LEAF


@pytest.fixture(scope="module")
def answers(cancer_rows):
    """Return X and the probabilities of a smooth, known rule."""
    X, _ = cancer_rows
    z = (X[:, 20] - 16) / 2 + (X[:, 27] - 0.12) * 20
    p = 1 / (1 + np.exp(-z))
    return X, np.stack([1 - p, p], axis=1).astype(np.float32)


def test_routing_equals_apply_at_thresholds_and_at_random(answers):
    X, p = answers
    weights = certainty(p)
    grown = grow(X, p, weights, 5, 0)
    cart = DecisionTreeRegressor(min_samples_leaf=5, random_state=0, max_depth=64)
    cart.fit(X, p, sample_weight=weights)
    random = np.random.default_rng(1)
    probes = random.uniform(X.min(0), X.max(0), (10_000, X.shape[1])).astype(np.float32)
    inner = cart.tree_.feature >= 0
    for i, (feature, threshold) in enumerate(
        zip(cart.tree_.feature[inner], cart.tree_.threshold[inner], strict=True)
    ):
        row = np.float32(threshold)
        probes[3 * i : 3 * i + 3, feature] = [
            row,
            np.nextafter(row, np.float32(np.inf)),
            np.nextafter(row, np.float32(-np.inf)),
        ]
    np.testing.assert_array_equal(route(grown, probes), cart.apply(probes))


def test_two_class_targets_grow_the_tree_of_the_evidence(answers):
    # A regression tree on p and one on (1 - p, p) see the same impurities.
    X, p = answers
    weights = certainty(p)
    grown = grow(X, p, weights, 5, 0)
    cart = DecisionTreeRegressor(min_samples_leaf=5, random_state=0)
    cart.fit(X, p[:, 1], sample_weight=weights)
    assert grown.feature[0] == cart.tree_.feature[0]
    np.testing.assert_array_equal(route(grown, X) == 1, cart.apply(X) == 1)


def test_counts_are_sums_over_the_rows_of_each_node(answers):
    X, p = answers
    weights = certainty(p)
    tree = distill(X, p, strength=0.01, min_samples_leaf=5)
    leaves = route(tree, X)
    decisions = p.argmax(1)
    for leaf in np.flatnonzero(tree.feature == LEAF):
        here = leaves == leaf
        assert tree.rows[leaf] == here.sum() >= 5
        for c in (0, 1):
            expected = weights[here & (decisions == c)].sum()
            assert tree.weights[leaf, c] == pytest.approx(expected)
    assert tree.rows[0] == len(X)
    assert tree.weights.sum(1)[0] == pytest.approx(len(X))


def test_trimming_keeps_the_routing_and_numbers_in_preorder(answers):
    X, p = answers
    grown = grow(X, p, certainty(p), 20, 0)
    everything = trim(grown, set(np.flatnonzero(grown.feature != LEAF).tolist()))
    np.testing.assert_array_equal(
        everything.rows[route(everything, X)], grown.rows[route(grown, X)]
    )
    for node in np.flatnonzero(everything.feature != LEAF):
        assert everything.left[node] == node + 1
        assert everything.right[node] > everything.left[node]


def test_certainty_is_the_gap_between_the_two_best_with_mean_one():
    p = np.array([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2]])
    weights = certainty(p)
    assert weights.mean() == pytest.approx(1)
    assert weights[0] / weights[1] == pytest.approx(0.501 / 0.001)


def test_a_leaf_budget_is_kept(answers):
    X, p = answers
    assert (distill(X, p, strength=0, min_samples_leaf=2).feature == LEAF).sum() > 4
    tree = distill(X, p, strength=0, min_samples_leaf=2, max_leaves=4)
    assert (tree.feature == LEAF).sum() == 4
