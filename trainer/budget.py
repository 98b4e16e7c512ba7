"""The cheapest pruning within a number of leaves, exactly.

Same objective as pruning.py. The cheapest pruning with exactly j leaves below a node is
the cheapest way to share j between its two children: a knapsack on the tree, quadratic
in the leaves in total (Bohanec and Bratko 1994).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats
from trainer.pruning import LEAF, Grown, prune


@dataclass(frozen=True)
class Shares:
    """Cheapest prunings below one node; position j - 1 stands for exactly j leaves.

    ``left`` is how many of the j leaves the left child gets (0 for a leaf).
    """

    cost: Floats
    left: NDArray[np.int64]


def prune_within(grown: Grown, strength: float, max_leaves: int) -> set[int]:
    """Return the decision nodes of the cheapest pruning of 2 to ``max_leaves`` leaves.

    Where the unlimited pruning fits, it is returned as it is.
    """
    free = prune(grown, strength)
    if len(free) + 1 <= max_leaves:
        return free
    shares = _share_leaves(grown, strength, max_leaves)
    leaves = 2 + int(np.argmin(shares[0].cost[1:]))
    decisions: set[int] = set()
    stack = [(0, leaves)]
    while stack:
        node, leaves = stack.pop()
        if leaves > 1:
            to_left = int(shares[node].left[leaves - 1])
            decisions.add(node)
            stack.append((int(grown.left[node]), to_left))
            stack.append((int(grown.right[node]), leaves - to_left))
    return decisions


def _share_leaves(grown: Grown, strength: float, max_leaves: int) -> list[Shares]:
    leaf_cost, price = grown.leaf_cost, grown.price(strength)
    shares = [Shares(cost, np.zeros(1, dtype=np.int64)) for cost in leaf_cost[:, None]]
    for node in reversed(np.flatnonzero(grown.feature != LEAF).tolist()):
        left, right = shares[int(grown.left[node])], shares[int(grown.right[node])]
        split = _join(left.cost, right.cost, max_leaves)
        shares[node] = Shares(
            np.concatenate([leaf_cost[[node]], price[node] + split.cost]),
            np.concatenate([[0], split.left]),
        )
    return shares


def _join(left: Floats, right: Floats, max_leaves: int) -> Shares:
    """Share 2, 3, ... leaves between two children; on ties the left one gets fewer."""
    size = min(len(left) + len(right), max_leaves) - 1
    cost = np.full(size, np.inf)
    given = np.zeros(size, dtype=np.int64)
    for to_left in range(1, min(len(left), size) + 1):
        split = left[to_left - 1] + right[: size - to_left + 1]
        at = slice(to_left - 1, to_left - 1 + len(split))
        cheaper = split < cost[at]
        cost[at] = np.where(cheaper, split, cost[at])
        given[at] = np.where(cheaper, to_left, given[at])
    return Shares(cost, given)
