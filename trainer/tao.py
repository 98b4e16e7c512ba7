"""Tree alternating optimisation: improves a grown tree's splits one at a time.

Greedy growing chooses a split before it knows what will stand below it. Here every
decision is chosen again, from the deepest up, with the subtrees below it held fixed: a
row then costs what the leaf costs that it would reach on either side, so the best
feature and threshold are found exactly by sorting. The objective (pruning.py) never
rises.

References
----------
Carreira-Perpinan and Tavallali: "Alternating optimization of decision trees, with
application to learning sparse oblique trees", NeurIPS 2018. Here splits are on single
features, and a row pays the price of each decision that it takes.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes, TreeFeatures
from trainer.pruning import LEAF, Grown
from trainer.routing import count_nodes, path_lengths, route

MAX_SWEEPS = 8
"""Of all decisions; most trees settle after two or three."""
_RISE = 1e-9
"""Smallest gain that counts, in shares of error: rounding must not move a split."""


def optimise(
    tree: Grown,
    features: TreeFeatures,
    classes: Indexes,
    weights: Floats,
    *,
    strength: float,
    min_samples_leaf: int,
) -> Grown:
    """Choose every split anew until none gains.

    Parameters
    ----------
    tree : nodes in preorder, as ``distill`` returns.
    features : [n, n_tree_features] float32. classes : [n] what the network decides.
    weights : [n] of the rows.
    strength : price of a decision, in shares of error.
    min_samples_leaf : no move may leave a leaf with fewer rows.

    Returns
    -------
    The same shape of tree with other splits and labels.
    """
    search = _Search(features, classes, weights, strength, min_samples_leaf)
    decisions = np.flatnonzero(tree.feature != LEAF)
    deepest_first = decisions[np.argsort(-path_lengths(tree)[decisions], kind="stable")]
    for _ in range(MAX_SWEEPS):
        before = tree
        for node in deepest_first.tolist():
            tree = search.improve(tree, node)
        if tree is before:
            break
    return tree


class _Search:
    """The rows, sorted once by every feature."""

    def __init__(
        self,
        features: TreeFeatures,
        classes: Indexes,
        weights: Floats,
        strength: float,
        min_samples_leaf: int,
    ) -> None:
        self.features = np.asarray(features, dtype=np.float32)
        self.classes = classes
        self.weights = weights
        self.share: Floats = weights / weights.sum()
        self.price = strength / len(classes)
        self.leaf_size = min_samples_leaf
        self.order = np.argsort(self.features, axis=0, kind="stable").T  # [d, n]

    def improve(self, tree: Grown, node: int) -> Grown:
        """Return the tree with the best split at ``node``, or the very same tree."""
        here = self._reaching(tree, node)
        if here.sum() < 2 * self.leaf_size:
            return tree
        left, right = (
            self._cost_from(tree, int(child), here)
            for child in (tree.left[node], tree.right[node])
        )
        goes_left = self.features[here, tree.feature[node]] <= tree.threshold[node]
        present = float(np.where(goes_left, left, right).sum())
        costs, positions, order = self._split_costs(here, left, right)
        for feature in np.argsort(costs, kind="stable").tolist():
            if not costs[feature] < present - _RISE:
                break
            threshold = self._threshold(order[feature], positions[feature], feature)
            moved = self._moved(tree, node, feature, threshold)
            if moved is not None:
                return moved
        return tree

    def _reaching(self, tree: Grown, node: int) -> NDArray[np.bool_]:
        """Return [n]: whether each row reaches ``node``."""
        inside = np.zeros(len(tree.feature), dtype=np.bool_)
        inside[node] = True
        for at in np.flatnonzero(tree.feature != LEAF).tolist():
            if inside[at]:
                inside[[tree.left[at], tree.right[at]]] = True
        return np.asarray(inside[route(tree, self.features)])

    def _cost_from(self, tree: Grown, start: int, here: NDArray[np.bool_]) -> Floats:
        """Return what each row of ``here`` costs when routed from ``start``: [m]."""
        leaves = route(tree, self.features[here], start)
        wrong = tree.labels[leaves] != self.classes[here]
        # Lengths from the root: the decisions above are common to both sides.
        return np.asarray(
            self.share[here] * wrong + self.price * path_lengths(tree)[leaves]
        )

    def _split_costs(
        self, here: NDArray[np.bool_], left: Floats, right: Floats
    ) -> tuple[Floats, Indexes, Indexes]:
        """Return each feature's lowest cost and its position, and rows in order.

        The i-th threshold of a feature sends the first i + 1 rows in its order left.
        """
        gain = np.zeros(len(here))
        gain[here] = left - right
        order = self.order[here[self.order]].reshape(len(self.order), -1)  # [d, m]
        costs = right.sum() + np.cumsum(gain[order], axis=1)[:, :-1]
        values = np.take_along_axis(self.features.T, order, axis=1)
        costs[values[:, :-1] == values[:, 1:]] = np.inf
        costs[:, : self.leaf_size - 1] = np.inf
        costs[:, costs.shape[1] - self.leaf_size + 1 :] = np.inf
        positions = costs.argmin(axis=1)
        return costs[np.arange(len(costs)), positions], positions, order

    def _threshold(self, order: Indexes, position: int, feature: int) -> float:
        low, high = self.features[order[position : position + 2], feature].astype(float)
        middle = low + (high - low) / 2
        return float(middle if middle < high else low)

    def _moved(
        self, tree: Grown, node: int, feature: int, threshold: float
    ) -> Grown | None:
        """Return the tree with another split, or None where a leaf gets too small."""
        features, thresholds = tree.feature.copy(), tree.threshold.copy()
        features[node], thresholds[node] = feature, threshold
        moved = replace(tree, feature=features, threshold=thresholds)
        leaves = route(moved, self.features)
        counted = count_nodes(
            feature=features,
            threshold=thresholds,
            left=tree.left,
            right=tree.right,
            leaves=leaves,
            classes=self.classes,
            weights=self.weights,
            n_classes=tree.weights.shape[1],
        )
        if counted.rows[features == LEAF].min() < self.leaf_size:
            return None
        return counted
