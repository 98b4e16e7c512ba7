"""Exact pruning of a grown tree for error plus the price of decisions.

The objective of a subtree T, over N rows with weights w of total W:

    sum of weights of rows in leaves of another class / W
    + strength * sum over decision nodes of (rows that reach it) / N

The second sum is the average path length, so ``strength`` is the price, in shares of
error, of one decision that every row takes. The objective is a sum over nodes, so one
bottom-up pass finds the minimum among all prunings (Breiman et al. 1984, chapter 10).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes

LEAF = -1


@dataclass(frozen=True)
class Grown:
    """A binary tree as arrays, children after their parents; the root is node 0.

    ``feature`` and the children are LEAF at leaves. ``rows`` [m] counts the rows that
    reach each node, ``weights`` [m, n_classes] sums their weights by the class that
    the network decided.
    """

    feature: Indexes
    threshold: Floats
    left: Indexes
    right: Indexes
    rows: NDArray[np.int64]
    weights: Floats

    @property
    def labels(self) -> Indexes:
        """[m]: the heaviest class at each node; ties go to the lower index."""
        return np.asarray(self.weights.argmax(axis=1))

    @property
    def leaf_cost(self) -> Floats:
        """[m]: share of all weight that a leaf here would answer wrongly."""
        wrong = self.weights.sum(axis=1) - self.weights.max(axis=1)
        return np.asarray(wrong / self.weights[0].sum())

    def price(self, strength: float) -> Floats:
        """[m]: what a decision here costs."""
        return np.asarray(strength * self.rows / self.rows[0])


@dataclass(frozen=True)
class Costs:
    """Objective of the cheapest pruning below each node, [m].

    ``best`` is free to be a leaf; ``kept`` says where the split is. ``varied`` is the
    cheapest that answers at least two classes, infinite where there is none.
    """

    best: Floats
    kept: NDArray[np.bool_]
    varied: Floats


def prune(grown: Grown, strength: float, *, single_leaf: bool = False) -> set[int]:
    """Return the decision nodes of the cheapest pruning.

    A split is kept only if that is strictly cheaper. A pruning that answers a single
    class says nothing, so unless ``single_leaf`` is True the cheapest one that answers
    at least two is returned instead, or the root's split where none does.
    """
    costs = measure_costs(grown, strength)
    if single_leaf or costs.kept[0]:
        return _collect(grown, costs, [0])
    if not np.isfinite(costs.varied[0]):
        return set() if grown.feature[0] == LEAF else {0}
    decisions: set[int] = set()
    node = 0
    while node != LEAF:
        decisions.add(node)
        left, right = int(grown.left[node]), int(grown.right[node])
        node, free = _varied_choice(grown, costs, left, right)
        decisions |= _collect(grown, costs, free)
    return decisions


def measure_costs(grown: Grown, strength: float) -> Costs:
    """Compute the cheapest prunings from the leaves up."""
    best = grown.leaf_cost
    kept = np.zeros(len(best), dtype=np.bool_)
    varied = np.full(len(best), np.inf)
    labels, price, leaf_cost = grown.labels, grown.price(strength), grown.leaf_cost
    for node in reversed(np.flatnonzero(grown.feature != LEAF).tolist()):
        left, right = int(grown.left[node]), int(grown.right[node])
        split = price[node] + best[left] + best[right]
        differ = labels[left] != labels[right]
        varied[node] = price[node] + min(
            leaf_cost[left] + leaf_cost[right] if differ else np.inf,
            varied[left] + best[right],
            best[left] + varied[right],
        )
        if split < best[node] - 1e-12:  # rounding must not keep a split
            best[node], kept[node] = split, True
    return Costs(best, kept, varied)


def _varied_choice(
    grown: Grown, costs: Costs, left: int, right: int
) -> tuple[int, list[int]]:
    """Return the child that must vary (or LEAF) and the children that are free."""
    labels, leaf_cost = grown.labels, grown.leaf_cost
    two_leaves = leaf_cost[left] + leaf_cost[right]
    options = [
        (two_leaves if labels[left] != labels[right] else np.inf, LEAF, []),
        (costs.varied[left] + costs.best[right], left, [right]),
        (costs.best[left] + costs.varied[right], right, [left]),
    ]
    _, node, free = min(options, key=lambda option: option[0])
    return node, free


def _collect(grown: Grown, costs: Costs, roots: list[int]) -> set[int]:
    """Return the kept decision nodes at and below ``roots``."""
    decisions: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if costs.kept[node]:
            decisions.add(node)
            stack += [int(grown.left[node]), int(grown.right[node])]
    return decisions
