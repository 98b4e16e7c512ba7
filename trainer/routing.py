"""Sending rows through a grown tree, and counting them."""

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes, TreeFeatures
from trainer.pruning import LEAF, Grown


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


def recount(
    tree: Grown, features: TreeFeatures, classes: Indexes, weights: Floats
) -> Grown:
    """Return the same decisions with the counts, and so the labels, of other rows."""
    return count_nodes(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.left,
        right=tree.right,
        leaves=route(tree, features),
        classes=classes,
        weights=weights,
        n_classes=tree.weights.shape[1],
    )


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
