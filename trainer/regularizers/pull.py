"""The pull: a penalty that draws a network's decisions toward its own pruned tree.

Wu et al. (AAAI 2018) penalise the average path length through a second network that
predicts it from the weights; measured, that surrogate's gradient is unrelated to the
true length. Alternating works: distil a small tree from the network, then charge the
network for the margin by which it contradicts the tree (evidence, "The pull,
rebuildable"). It buys fidelity at equal simplicity, not accuracy.

Charged on training rows alone, a network learns to agree on these and contradicts the
tree between them: on breast cancer agreement was .996 on training rows and .952 on
unseen ones. So each batch is also charged at random points between its rows and others
(as mixup, Zhang et al. 2018, but without labels: the tree says what is right there).
That gave .985 on unseen rows (docs/research.md).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from explainers.arrays import Probabilities, TreeFeatures
from trainer.distill import measure_objective, route
from trainer.projection import TreeDecision
from trainer.pruning import LEAF, Grown
from trainer.regions import Regions, distil, worst_region

WEIGHT = 3.0
"""The factor mu that the penalty ends with (evidence, "The pull, rebuildable")."""
STEEPNESS = 4.0
"""Sharpness of the softplus: near a hinge, with a gradient that never dies."""
MARGIN = 0.5
"""Half a logit beyond the tree's side is enough; more is charged next to nothing."""
FITS = (0.25, 0.4, 0.55, 0.7, 0.85)
"""When the tree is fitted, in shares of the steps. The tree hardly moves after its
first fit, so five are as good as the evidence's forty-eight, at a tenth of the time;
with many, each tree is distilled from a network that the last one pulled, and simpler
than that: on 20,000 rows tree accuracy fell from .83 to .76 (docs/research.md)."""
KEEP_TREE = 0.002
"""A new tree replaces the old one only if it is better by this much: trees that flicker
between equal splits would pull the network to and fro."""

Mix: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]


class TreeRegularizer:
    """A penalty to add to the task loss of any classifier.

    Each call is one training step. The tree is fitted anew at each share of the steps
    in ``FITS``; between 25 % and 75 % the factor rises from 0 to ``weight``.

    Parameters
    ----------
    features : [n, n_tree_features] the training rows, in units that the tree may name.
    forward : from rows of ``features`` to logits [m, n_classes]; it is called without
        gradients on at most ``max_rows`` rows a fit.
    steps : optimisation steps of the whole training.
    strength : price of one decision, in shares of error.
    weight : the factor mu that the penalty ends with.
    min_samples_leaf : of the tree; 5, or 25 from 4,000 rows, when None.
    max_leaves : upper bound of the tree's leaves; None for none.
    max_rows : the tree is fitted to at most so many rows.
    by_row : from positions in ``features`` [m] int64 to logits [m, n_classes], where
        the network reads something else than ``features`` (a sequence, a picture);
        ``forward`` is then not called.
    mix : from positions i, j [m] int64 and shares [m] to the logits [m, n_classes] of
        inputs whose features are (1 - share) features[i] + share features[j], with
        gradient. By default ``forward`` of those features; where ``by_row`` is given
        and ``mix`` is not, nothing is charged between rows.
    regions : one tree is fitted for each, and the worst of them is charged.

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
        weight: float = WEIGHT,
        min_samples_leaf: int | None = None,
        max_leaves: int | None = None,
        max_rows: int = 4000,
        seed: int = 0,
        by_row: Callable[[Tensor], Tensor] | None = None,
        mix: Mix | None = None,
        regions: Regions | None = None,
    ) -> None:
        rows = np.random.default_rng(seed).permutation(len(features))[:max_rows]
        self._rows = torch.as_tensor(rows, device=features.device)
        self._reference = features[self._rows]
        self._forward = forward
        self._by_row = by_row
        self._steps = steps
        self._strength = strength
        self._weight = weight
        self._leaf_size = min_samples_leaf or (25 if len(rows) >= 4000 else 5)
        self._max_leaves = max_leaves
        self._regions = regions
        self._fits = {round(share * steps) for share in FITS}
        self._seed = seed
        self._mix = mix
        self._charges_between = mix is not None or by_row is None
        self._decide: TreeDecision | None = None
        self._generator = torch.Generator().manual_seed(seed)
        self._device = features.device
        self._all = features
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
        if self.step in self._fits:
            self._refit()
        factor = self.factor
        self.step += 1
        if self.tree is None:
            return logits.new_zeros(())
        decisions, points = self._decisions[rows], [self._all[rows]]
        if self._charges_between and self._decide is not None:
            others, shares = self._draw(len(rows))
            between = torch.lerp(points[0], self._all[others], shares[:, None])
            mixed = (
                self._forward(between)
                if self._mix is None
                else self._mix(rows, others, shares)
            )
            logits = torch.cat([logits, mixed])
            decisions = torch.cat([decisions, self._decide(between).argmax(dim=1)])
            points.append(between)
        charges = charge(logits, decisions)
        if self._regions is None:
            return factor * (charges.sum() / len(rows))
        halves = zip(torch.split(charges, len(rows)), points, strict=True)
        return factor * torch.stack([self._worst(*half) for half in halves]).sum()

    def _draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n other rows, and how far toward each a point lies."""
        others = torch.randint(len(self._all), (n,), generator=self._generator)
        shares = torch.rand(n, generator=self._generator)
        return others.to(self._device), shares.to(self._device)

    def _worst(self, charges: Tensor, points: Tensor) -> Tensor:
        """Return the mean charge of the worst region."""
        assert self._regions is not None
        region = self._regions.of(points.detach().cpu().numpy())
        where = torch.as_tensor(region, device=charges.device)
        return worst_region(charges, where, len(self._regions.names))

    def _refit(self) -> None:
        probabilities = self._probabilities()
        tree = distil(
            self._regions,
            self._fitted,
            probabilities,
            strength=self._strength,
            min_samples_leaf=self._leaf_size,
            max_leaves=self._max_leaves,
            seed=self._seed,
        )
        # A tree that forgets a class pulls the network after it, and there is no way
        # back: on 300 rows such runs died.
        if _answers(tree) < max(2, 0 if self.tree is None else _answers(self.tree)):
            return
        if self.tree is not None:
            old = self._objective(self.tree, probabilities)
            if self._objective(tree, probabilities) > old - KEEP_TREE:
                return
        self.tree = tree
        self._decide = TreeDecision(tree, tree.weights.shape[1]).to(self._device)
        labels = tree.labels[route(tree, self._features)]
        self._decisions = torch.as_tensor(labels, device=self._device)

    @torch.no_grad()
    def _probabilities(self) -> Probabilities:
        if self._by_row is None:
            logits = self._forward(self._reference)
        else:
            logits = self._by_row(self._rows)
        answers = torch.softmax(logits, dim=1)
        return np.asarray(answers.cpu().numpy(), dtype=np.float32)

    def _objective(self, tree: Grown, probabilities: Probabilities) -> float:
        return measure_objective(tree, self._fitted, probabilities, self._strength)


def _answers(tree: Grown) -> int:
    """Return how many classes a tree answers."""
    return len(np.unique(tree.labels[tree.feature == LEAF]))


def charge(logits: Tensor, decisions: Tensor) -> Tensor:
    """Return each row's softplus(4 (.5 - margin)) / 4, [b].

    The margin is the logit of the tree's class minus the largest other: with two
    centred logits, s z of the binary case.

    Parameters
    ----------
    logits : [b, n_classes].
    decisions : [b] int64, the tree's class of each row.
    """
    # Which logits the margin is made of is settled without gradients: as one product
    # with constants the charge takes half the time that gather and scatter take.
    chosen, held = decisions[:, None], logits.detach()
    rival = held.scatter(1, chosen, -torch.inf).argmax(dim=1, keepdim=True)
    signs = torch.zeros_like(held).scatter_(1, chosen, -1).scatter_(1, rival, 1)
    lack = (logits * signs).sum(dim=1) + MARGIN
    return torch.nn.functional.softplus(lack, beta=STEEPNESS)


def contradiction(logits: Tensor, decisions: Tensor) -> Tensor:
    """Return the mean charge of a batch."""
    return charge(logits, decisions).mean()
