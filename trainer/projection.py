"""Sign projection: a network that decides as its tree does, everywhere.

Between its class and the strongest other, the network's margin m = z_tree - max z_other
becomes softplus(m) > 0. Where network and tree agree with conviction nothing changes;
where they differ the tree wins by a hair, and the network's hesitation still orders the
rows and has a gradient. With two classes this is z' = s softplus(s z), s the tree's
sign (evidence: "Which algorithm").
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.arrays import Floats
from trainer.pruning import LEAF, Grown
from trainer.routing import path_lengths

LEAD = 0.01
"""Added to every margin: softplus(-100) is lost in single precision beside a logit."""


class TreeDecision(nn.Module):
    """Tree features [n, d] -> one-hot of the tree's class, [n, n_classes] float32.

    A leaf is reached where all the decisions above it hold. Counting them is one matrix
    product, so the tree becomes four operators of any graph.
    """

    feature: Tensor
    threshold: Tensor
    signs: Tensor
    asked: Tensor
    answers: Tensor

    def __init__(self, tree: Grown, n_classes: int) -> None:
        super().__init__()
        nodes = np.flatnonzero(tree.feature != LEAF)
        leaves = np.flatnonzero(tree.feature == LEAF)
        signs = leaf_signs(tree)
        answers = np.zeros((len(leaves), n_classes), dtype=np.float32)
        answers[np.arange(len(leaves)), tree.labels[leaves]] = 1
        lengths = path_lengths(tree)[leaves].astype(np.float32)
        thresholds = round_down(tree.threshold[nodes])
        self.register_buffer("feature", torch.from_numpy(tree.feature[nodes]))
        self.register_buffer("threshold", torch.from_numpy(thresholds))
        self.register_buffer("signs", torch.from_numpy(signs))
        self.register_buffer("asked", torch.from_numpy(lengths))
        self.register_buffer("answers", torch.from_numpy(answers))

    def forward(self, features: Tensor) -> Tensor:
        """Route a batch; no gradient passes."""
        values = torch.index_select(features, 1, self.feature)  # [n, n_decisions]
        # +1 goes left, -1 right: the product with a leaf's signs counts agreements.
        turns = (values <= self.threshold).to(torch.float32) * 2 - 1
        reached = (turns @ self.signs >= self.asked).to(torch.float32)  # [n, n_leaves]
        answer: Tensor = reached @ self.answers
        return answer


def round_down(thresholds: Floats) -> NDArray[np.float32]:
    """Return the largest float32 at or below each threshold.

    A float32 value is at or below the threshold exactly when it is at or below this.
    """
    singles = thresholds.astype(np.float32)
    below = np.nextafter(singles, np.float32(-np.inf))
    return np.where(singles.astype(np.float64) > thresholds, below, singles)


def leaf_signs(tree: Grown) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return [n_decisions, n_leaves]: +1 left, -1 right, 0 not on the leaf's path."""
    order = {int(n): i for i, n in enumerate(np.flatnonzero(tree.feature != LEAF))}
    above: dict[int, list[tuple[int, float]]] = {0: []}
    for node, at in order.items():
        above[int(tree.left[node])] = [*above[node], (at, 1.0)]
        above[int(tree.right[node])] = [*above[node], (at, -1.0)]
    leaves = np.flatnonzero(tree.feature == LEAF)
    signs = np.zeros((len(order), len(leaves)), dtype=np.float32)
    for column, leaf in enumerate(leaves.tolist()):
        for row, sign in above[leaf]:
            signs[row, column] = sign
    return signs


class Projected(nn.Module):
    """A network's inputs -> centred logits whose largest is the tree's class.

    Parameters
    ----------
    network : from its inputs to logits [n, n_classes].
    features : from the same inputs to tree features [n, n_tree_features].
    """

    scale: Tensor

    def __init__(
        self, network: nn.Module, features: nn.Module, tree: Grown, n_classes: int
    ) -> None:
        super().__init__()
        self.network = network
        self.features = features
        self.decision = TreeDecision(tree, n_classes)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return [n, n_classes], each row summing to zero."""
        chosen = self.decision(self.features(*inputs))
        return project(self.network(*inputs), chosen) * self.scale

    def scale_logits(self, factor: float) -> None:
        """Multiply every logit by a factor > 0, in place; no decision changes."""
        self.scale.mul_(factor)


def project(logits: Tensor, chosen: Tensor) -> Tensor:
    """Put each row of logits on the side of the tree's class.

    Parameters
    ----------
    logits : [n, n_classes]. chosen : [n, n_classes] one-hot, the tree's class.

    Returns
    -------
    [n, n_classes], each row summing to zero.
    """
    own = (logits * chosen).sum(dim=1, keepdim=True)
    others = (logits - 1e30 * chosen).amax(dim=1, keepdim=True)
    margin = own - others
    raised = nn.functional.softplus(margin) + LEAD - margin  # what the tree adds
    projected = logits + chosen * raised
    return projected - projected.mean(dim=1, keepdim=True)
