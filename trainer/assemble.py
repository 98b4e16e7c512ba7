"""From a pruned tree to the DistilledTree of a bundle: counts and fidelity by node."""

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, TreeFeatures
from explainers.manifest import Estimate
from explainers.tree import DistilledTree, Node, Region
from trainer.distill import route
from trainer.fidelity import estimate_fidelity
from trainer.pruning import LEAF, Grown
from trainer.rows import Rows


def assemble_tree(
    pruned: Grown,
    *,
    fitted: Rows,
    fitted_decisions: Indexes,
    held_out: TreeFeatures,
    held_out_decisions: Indexes,
    n_classes: int,
    regions: tuple[Region, ...] = (),
) -> DistilledTree:
    """Return the tree as a bundle stores it.

    Parameters
    ----------
    pruned : nodes in preorder.
    fitted : the n training rows; ``fitted_decisions`` [n] are the network's.
    held_out : [m, n_tree_features] rows that fitted neither network nor tree;
        ``held_out_decisions`` [m] are the network's.
    regions : of a regional tree, by their roots in ``pruned``.
    """
    leaves = route(pruned, fitted.Z)
    class_counts = _count(pruned, leaves, fitted_decisions, n_classes)
    label_counts = _count(pruned, leaves, fitted.y, n_classes)
    estimates = _estimate_fidelity(pruned, held_out, held_out_decisions)
    nodes = tuple(
        _node(pruned, i, class_counts[i], label_counts[i], estimates[i])
        for i in range(len(pruned.feature))
    )
    return DistilledTree(nodes, fitted.Z.shape[1], n_classes, regions)


def _estimate_fidelity(
    pruned: Grown, Z: TreeFeatures, decisions: Indexes
) -> list[Estimate]:
    leaves = route(pruned, Z)
    agrees = (pruned.labels[leaves] == decisions).astype(np.int64)
    counts = _count(pruned, leaves, agrees, 2)
    return estimate_fidelity(pruned, counts[:, 1], counts.sum(axis=1))


def _count(
    pruned: Grown, leaves: Indexes, classes: Indexes, n_classes: int
) -> NDArray[np.int64]:
    """Return [n_nodes, n_classes]: rows of each class that reach each node."""
    counts = np.zeros((len(pruned.feature), n_classes), dtype=np.int64)
    np.add.at(counts, (leaves, classes), 1)
    for node in reversed(np.flatnonzero(pruned.feature != LEAF).tolist()):
        counts[node] = counts[pruned.left[node]] + counts[pruned.right[node]]
    return counts


def _node(
    pruned: Grown,
    i: int,
    class_counts: NDArray[np.int64],
    label_counts: NDArray[np.int64],
    fidelity: Estimate,
) -> Node:
    leaf = pruned.feature[i] == LEAF
    return Node(
        id=i,
        feature=None if leaf else int(pruned.feature[i]),
        threshold=None if leaf else float(pruned.threshold[i]),
        left=None if leaf else int(pruned.left[i]),
        right=None if leaf else int(pruned.right[i]),
        label=int(pruned.labels[i]) if leaf else None,
        n=int(class_counts.sum()),
        class_counts=tuple(map(int, class_counts)),
        label_counts=tuple(map(int, label_counts)),
        fidelity=fidelity,
    )
