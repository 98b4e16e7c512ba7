"""The pull: a penalty that draws a network's decisions toward its own pruned tree.

Wu et al. (AAAI 2018) penalise the average path length through a second network that
predicts it from the weights; measured, that surrogate's gradient is unrelated to the
true length. Alternating works: distil a small tree from the network, then charge the
network for the margin by which it contradicts the tree (evidence, "The pull,
rebuildable"). It buys fidelity at equal simplicity, not accuracy.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from explainers.arrays import Floats, Probabilities, TreeFeatures
from trainer.distill import certainty, distill, path_lengths, route
from trainer.pruning import LEAF, Grown

STEEPNESS = 4.0
"""Sharpness of the softplus: near a hinge, with a gradient that never dies."""
MARGIN = 0.5
"""Half a logit beyond the tree's side is enough; more is charged next to nothing."""
KEEP_TREE = 0.002
"""A new tree replaces the old one only if it is better by this much: trees that flicker
between equal splits would pull the network to and fro."""


class TreeRegularizer:
    """A penalty to add to the task loss of any classifier.

    Each call is one training step. Between 25 % and 90 % of the steps the tree is
    fitted anew every 20 steps; between 25 % and 75 % the factor rises from 0 to
    ``weight``.

    Parameters
    ----------
    features : [n, n_tree_features] the training rows, in units that the tree may name.
    forward : from rows of ``features`` to logits [m, n_classes]; it is called without
        gradients on at most ``max_rows`` rows a fit.
    steps : optimisation steps of the whole training.
    strength : price of one decision, in shares of error.
    weight : the factor mu that the penalty ends with.
    min_samples_leaf : of the tree; 5, or 25 from 4,000 rows, when None.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> x = torch.rand(256, 4)
    >>> y = (x[:, 0] > 0.5).long()
    >>> network = torch.nn.Linear(4, 2)
    >>> optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    >>> regularizer = TreeRegularizer(x, network, steps=200)
    >>> for step in range(200):
    ...     rows = torch.randint(len(x), (64,))
    ...     logits = network(x[rows])
    ...     task = torch.nn.functional.cross_entropy(logits, y[rows])
    ...     loss = task + regularizer(logits, rows)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    >>> regularizer.leaves
    2

    References
    ----------
    Wu, Hughes, Parbhoo, Zazzi, Roth, Doshi-Velez: "Beyond Sparsity: Tree Regularization
    of Deep Models for Interpretability", AAAI 2018, arXiv 1711.06178.
    """

    def __init__(
        self,
        features: Tensor,
        forward: Callable[[Tensor], Tensor],
        *,
        steps: int,
        strength: float = 0.02,
        weight: float = 3.0,
        min_samples_leaf: int | None = None,
        refit_every: int = 20,
        max_rows: int = 4000,
        seed: int = 0,
    ) -> None:
        rows = np.random.default_rng(seed).permutation(len(features))[:max_rows]
        self._reference = features[torch.as_tensor(rows, device=features.device)]
        self._forward = forward
        self._steps = steps
        self._strength = strength
        self._weight = weight
        self._leaf_size = min_samples_leaf or (25 if len(rows) >= 4000 else 5)
        self._refit_every = refit_every
        self._seed = seed
        self._device = features.device
        self._features: TreeFeatures = features.detach().cpu().numpy()
        self._fitted: TreeFeatures = self._reference.detach().cpu().numpy()
        self._decisions = torch.zeros(0, dtype=torch.int64)
        self.step = 0
        self.tree: Grown | None = None

    @property
    def leaves(self) -> int:
        """Leaves of the present tree; 0 before the first fit."""
        return 0 if self.tree is None else int((self.tree.feature == LEAF).sum())

    @property
    def factor(self) -> float:
        """The present factor mu: 0 until 25 %, ``weight`` from 75 % of the steps."""
        ramp = (self.step / self._steps - 0.25) / 0.5
        return self._weight * min(max(ramp, 0.0), 1.0)

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Return the penalty of one batch and count one step.

        Parameters
        ----------
        logits : [b, n_classes], with gradient.
        rows : [b] int64, the batch's positions in ``features``.

        Returns
        -------
        A scalar >= 0; exactly 0 before the first fit.
        """
        first, last = 0.25 * self._steps, 0.9 * self._steps
        due = (self.step - round(first)) % self._refit_every == 0
        if due and round(first) <= self.step <= last:
            self._refit()
        factor = self.factor
        self.step += 1
        if self.tree is None:
            return logits.new_zeros(())
        return factor * contradiction(logits, self._decisions[rows])

    def _refit(self) -> None:
        probabilities = self._probabilities()
        tree = distill(
            self._fitted,
            probabilities,
            strength=self._strength,
            min_samples_leaf=self._leaf_size,
            seed=self._seed,
        )
        if self.tree is not None:
            old = self._objective(self.tree, probabilities)
            if self._objective(tree, probabilities) > old - KEEP_TREE:
                return
        self.tree = tree
        labels = tree.labels[route(tree, self._features)]
        self._decisions = torch.as_tensor(labels, device=self._device)

    @torch.no_grad()
    def _probabilities(self) -> Probabilities:
        answers = torch.softmax(self._forward(self._reference), dim=1)
        return np.asarray(answers.cpu().numpy(), dtype=np.float32)

    def _objective(self, tree: Grown, probabilities: Probabilities) -> float:
        """Weighted share of rows that the tree answers otherwise, plus priced APL."""
        leaves = route(tree, self._fitted)
        wrong = tree.labels[leaves] != probabilities.argmax(axis=1)
        weights: Floats = certainty(probabilities)
        length = path_lengths(tree)[leaves].mean()
        return float((weights * wrong).mean() + self._strength * length)


def contradiction(logits: Tensor, decisions: Tensor) -> Tensor:
    """Return the mean softplus(4 (.5 - margin)) / 4 over a batch.

    The margin is the logit of the tree's class minus the largest other: with two
    centred logits, s z of the binary case.

    Parameters
    ----------
    logits : [b, n_classes].
    decisions : [b] int64, the tree's class of each row.
    """
    chosen = logits.gather(1, decisions[:, None]).squeeze(1)
    others = logits.scatter(1, decisions[:, None], -torch.inf).amax(dim=1)
    return torch.nn.functional.softplus(
        MARGIN - (chosen - others), beta=STEEPNESS
    ).mean()
