"""Distillation: the small tree that says what a network decides.

A CART is grown on the network's probabilities (soft targets, as many as classes), each
row weighted by how sure the network is, and pruned exactly (pruning.py). Growing on
probabilities rather than decisions lets a split follow the network's slope; with two
classes this is the regression tree of the evidence ("The pull, rebuildable").
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from explainers.arrays import Floats, Indexes, Probabilities, TreeFeatures
from trainer.budget import prune_within
from trainer.pruning import LEAF, Grown, prune


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
        return trim(grown, prune(grown, strength))
    return trim(grown, prune_within(grown, strength, max_leaves))


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


def count_nodes(
    *,
    feature: Indexes,
    threshold: Floats,
    left: Indexes,
    right: Indexes,
    leaves: Indexes,
    classes: Indexes,
    weights: Floats,
    n_classes: int,
) -> Grown:
    """Sum rows and weighted classes from the leaves up.

    ``leaves`` [n] is the leaf of each row, ``classes`` [n] its class.
    """
    rows = np.bincount(leaves, minlength=len(feature))
    sums = np.zeros((len(feature), n_classes))
    np.add.at(sums, (leaves, classes), weights)
    for node in reversed(np.flatnonzero(left >= 0).tolist()):
        rows[node] = rows[left[node]] + rows[right[node]]
        sums[node] = sums[left[node]] + sums[right[node]]
    return Grown(feature, threshold, left, right, rows, sums)


def trim(grown: Grown, decisions: set[int]) -> Grown:
    """Keep the given decision nodes and their children, renumbered in preorder."""
    order = _preorder(grown, decisions)
    number = {node: i for i, node in enumerate(order)}
    inner = np.array([node in decisions for node in order])

    def renumber(children: Indexes) -> Indexes:
        return np.array(
            [number.get(int(children[node]), LEAF) for node in order], dtype=np.int64
        )

    return Grown(
        feature=np.where(inner, grown.feature[order], LEAF),
        threshold=np.where(inner, grown.threshold[order], 0.0),
        left=np.where(inner, renumber(grown.left), LEAF),
        right=np.where(inner, renumber(grown.right), LEAF),
        rows=grown.rows[order],
        weights=grown.weights[order],
    )


def _preorder(grown: Grown, decisions: set[int]) -> list[int]:
    order: list[int] = []
    stack = [0]
    while stack:
        node = stack.pop()
        order.append(node)
        if node in decisions:
            stack += [int(grown.right[node]), int(grown.left[node])]
    return order


def route(tree: Grown, features: TreeFeatures, start: int = 0) -> Indexes:
    """Return the leaf of each row, [n]; left when ``float32(value) <= threshold``.

    ``start`` is the node to route from: the root, or below it.
    """
    values = np.asarray(features, dtype=np.float32)
    rows = np.arange(len(values))
    at = np.full(len(values), start, dtype=np.int64)
    while (inner := tree.feature[at] != LEAF).any():
        here, who = at[inner], rows[inner]
        goes_left = values[who, tree.feature[here]] <= tree.threshold[here]
        at[inner] = np.where(goes_left, tree.left[here], tree.right[here])
    return at


def path_lengths(tree: Grown) -> NDArray[np.int64]:
    """Return [m]: decision nodes above each node; the root has 0."""
    depth = np.zeros(len(tree.feature), dtype=np.int64)
    for node in np.flatnonzero(tree.feature != LEAF):
        depth[[tree.left[node], tree.right[node]]] = depth[node] + 1
    return depth
