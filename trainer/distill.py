"""Distillation: the small tree that says what a network decides.

A CART is grown on the network's probabilities (soft targets, as many as classes), each
row weighted by how sure the network is, and pruned exactly (pruning.py). Growing on
probabilities rather than decisions lets a split follow the network's slope; with two
classes this is the regression tree of the evidence ("The pull, rebuildable"). Then
every split is chosen again (tao.py) and the tree pruned once more.
"""

from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from explainers.arrays import Floats, Probabilities, TreeFeatures
from trainer.budget import prune_within
from trainer.pruning import LEAF, Grown, prune
from trainer.routing import count_nodes as count_nodes
from trainer.routing import path_lengths as path_lengths
from trainer.routing import route as route
from trainer.routing import trim as trim
from trainer.tao import optimise


def distill(
    features: TreeFeatures,
    probabilities: Probabilities,
    *,
    strength: float,
    min_samples_leaf: int,
    max_leaves: int | None = None,
    seed: int = 0,
) -> Grown:
    """Grow and prune a tree for a network's decisions.

    Parameters
    ----------
    features : [n, n_tree_features] float32.
    probabilities : [n, n_classes], the network's answers on those rows.
    strength : price of a decision, in shares of error (see pruning.py).
    min_samples_leaf : rows that a leaf must hold.
    max_leaves : upper bound of leaves; None for none.
    seed : of the order in which equal splits are tried.

    Returns
    -------
    The pruned tree, nodes in preorder; at least two leaves where any split exists.
    """
    weights = certainty(probabilities)
    grown = grow(features, probabilities, weights, min_samples_leaf, seed)
    if max_leaves is None:
        greedy = trim(grown, prune(grown, strength))
    else:
        greedy = trim(grown, prune_within(grown, strength, max_leaves))
    chosen = optimise(
        greedy,
        features,
        np.asarray(probabilities).argmax(axis=1),
        weights,
        strength=strength,
        min_samples_leaf=min_samples_leaf,
    )
    return trim(chosen, prune(chosen, strength))


def measure_objective(
    tree: Grown, features: TreeFeatures, probabilities: Probabilities, strength: float
) -> float:
    """Return the weighted share of rows answered otherwise, plus the priced APL."""
    leaves = route(tree, features)
    wrong = tree.labels[leaves] != probabilities.argmax(axis=1)
    length = path_lengths(tree)[leaves].mean()
    return float((certainty(probabilities) * wrong).mean() + strength * length)


def certainty(probabilities: Probabilities) -> Floats:
    """Return [n] weights: first minus second probability, plus 1e-3, with mean 1.

    Rows on which the network wavers may be answered either way at little loss.
    """
    ordered = np.sort(np.asarray(probabilities, dtype=np.float64), axis=1)
    margin = ordered[:, -1] - ordered[:, -2] + 1e-3
    return np.asarray(margin / margin.mean())


def grow(
    features: TreeFeatures,
    probabilities: Probabilities,
    weights: Floats,
    min_samples_leaf: int,
    seed: int,
) -> Grown:
    """Fit an unpruned CART to soft targets; counts are of the hard decisions."""
    # A split that separates rows which the network answers alike is pruned away again;
    # depth 64 is the most that a bundle may hold.
    cart = DecisionTreeRegressor(
        min_samples_leaf=min_samples_leaf, max_depth=64, random_state=seed
    )
    cart.fit(features, probabilities, sample_weight=weights)
    tree: Any = cart.tree_
    leaves = cart.apply(features)
    decisions = np.asarray(probabilities).argmax(axis=1)
    n_classes = np.asarray(probabilities).shape[1]
    return count_nodes(
        feature=np.where(tree.children_left < 0, LEAF, tree.feature),
        threshold=tree.threshold.astype(np.float64),
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        leaves=leaves,
        classes=decisions,
        weights=weights,
        n_classes=n_classes,
    )
