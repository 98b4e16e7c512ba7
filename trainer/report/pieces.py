"""A large tree in pieces that a page can show: which node each is drawn from and to."""

from collections.abc import Iterator
from dataclasses import dataclass

from explainers.tree import DistilledTree

MOST_LEAVES = 16
"""Leaves of one drawing: about a screen."""
FEWEST_LEAVES = 4
"""What has fewer is drawn where it hangs, and not as a piece of its own."""


@dataclass(frozen=True)
class Piece:
    """The nodes from ``root`` down to the nodes ``cut``, below which others go on."""

    root: int
    leaves: int
    cut: frozenset[int]


def cut_into_pieces(tree: DistilledTree) -> list[Piece]:
    """Return pieces that draw every node, the root's first; one of a small tree.

    Each has at most ``MOST_LEAVES`` ends. What is opened next is what has the most
    leaves, until all that is left fits one piece each.
    """
    leaves = _count_leaves(tree)
    return list(_cut(tree, leaves, 0))


def _cut(tree: DistilledTree, leaves: list[int], root: int) -> Iterator[Piece]:
    ends, largest = [root], root
    while leaves[largest] > MOST_LEAVES:
        at, node = ends.index(largest), tree.nodes[largest]
        below = [i for i in (node.left, node.right) if i is not None]
        opened = [*ends[:at], *below, *ends[at + 1 :]]
        # What is too small to be cut off is drawn with all its leaves.
        drawn = (leaves[i] if leaves[i] < FEWEST_LEAVES else 1 for i in opened)
        if sum(drawn) > MOST_LEAVES:
            break
        ends = opened
        largest = max(ends, key=lambda end: leaves[end])
    cut = [end for end in ends if end != root and leaves[end] >= FEWEST_LEAVES]
    yield Piece(root, leaves[root], frozenset(cut))
    for end in cut:
        yield from _cut(tree, leaves, end)


def _count_leaves(tree: DistilledTree) -> list[int]:
    """[n_nodes]: leaves at and below each node."""
    leaves = [0] * len(tree.nodes)
    for node in reversed(tree.preorder()):
        below = (i for i in (node.left, node.right) if i is not None)
        leaves[node.id] = 1 if node.is_leaf else sum(leaves[i] for i in below)
    return leaves
