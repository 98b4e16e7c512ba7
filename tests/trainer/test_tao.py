"""Alternating optimisation, against every split there is."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from trainer.budget import prune_within
from trainer.distill import certainty, grow, path_lengths, route, trim
from trainer.pruning import LEAF, Grown
from trainer.tao import optimise

STRENGTH = 0.01


@pytest.fixture(params=range(6))
def problem(request):
    random = np.random.default_rng(request.param)
    X = random.random((160, 3)).astype(np.float32).round(2)  # with ties
    logits = 8 * (X - 0.5) @ random.normal(size=(3, 3)) + random.normal(size=(160, 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return X, p.astype(np.float32)


def objective(tree: Grown, X: np.ndarray, p: np.ndarray) -> float:
    leaves, weights = route(tree, X), certainty(p)
    wrong = tree.labels[leaves] != p.argmax(1)
    price = STRENGTH * path_lengths(tree)[leaves].mean()
    return float((weights * wrong).sum() / weights.sum() + price)


def improve(tree: Grown, X: np.ndarray, p: np.ndarray, leaf: int = 5) -> Grown:
    return optimise(
        tree,
        X,
        p.argmax(1),
        certainty(p),
        strength=STRENGTH,
        min_samples_leaf=leaf,
    )


def grown(X: np.ndarray, p: np.ndarray, leaf: int = 5, leaves: int = 5) -> Grown:
    """Return the tree of greedy growing alone."""
    greedy = grow(X, p, certainty(p), leaf, 0)
    return trim(greedy, prune_within(greedy, 0.0, leaves))


def test_it_never_rises_and_no_single_split_can_do_better(problem):
    X, p = problem
    tree = grown(X, p, 1)
    found = improve(tree, X, p, 1)
    best = objective(found, X, p)
    assert best <= objective(tree, X, p) + 1e-12
    for node in np.flatnonzero(found.feature != LEAF):
        for feature in range(X.shape[1]):
            for threshold in np.unique(X[:, feature]):
                features, thresholds = found.feature.copy(), found.threshold.copy()
                features[node], thresholds[node] = feature, threshold
                other = Grown(
                    features,
                    thresholds,
                    found.left,
                    found.right,
                    found.rows,
                    found.weights,  # labels stay as they are
                )
                assert objective(other, X, p) >= best - 1e-9


def test_leaves_keep_their_rows_and_counts_are_those_of_the_routing(problem):
    X, p = problem
    found = improve(grown(X, p, 12), X, p, 12)
    leaves = route(found, X)
    for leaf in np.flatnonzero(found.feature == LEAF):
        assert found.rows[leaf] == (leaves == leaf).sum() >= 12


def test_greedy_splits_are_improved_on_real_data():
    X, y = load_wine(return_X_y=True)
    X = X.astype(np.float32)
    p = np.eye(3, dtype=np.float32)[y]
    greedy = grown(X, p, leaves=6)
    found = improve(greedy, X, p)
    assert objective(found, X, p) < objective(greedy, X, p) - 0.001
