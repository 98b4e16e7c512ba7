"""The weight-space surrogate of Wu et al. (AAAI 2018), as published, with its verdict.

The average path length (APL) of a network's tree has no gradient. The paper trains a
small second network that predicts the APL from the first one's weights, and descends
that. It is here to compare with: measured, its predictions say next to nothing about
the path lengths to come, so it refuses to go on unless that is asked for.
"""

import warnings
from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from explainers.arrays import Indexes, TreeFeatures
from trainer.cart import grown_from_cart
from trainer.errors import SurrogateError, TrainingWarning
from trainer.pruning import Grown, prune
from trainer.routing import path_lengths, route, trim

HIDDEN = 25
REFIT_EVERY = 25
"""Epochs between two trainings of the surrogate."""
LAST_PAIRS = 100
"""Pairs of weights and APL kept from the optimisation path (J of the paper)."""
RANDOM_PAIRS = 25
"""Augmentation: fresh random networks, one in five pairs."""
RESTARTS = 3
"""Trainings of the surrogate from different weights; the best fit is kept."""
SURROGATE_STEPS = 300
USEFUL_R2 = 0.5


class Surrogate:
    """weight * (predicted APL of the present weights).

    Parameters
    ----------
    features : [n, n_tree_features] the training rows.
    network : the network; its whole weight vector is the surrogate's input.
    steps : optimisation steps of the whole training.
    steps_per_epoch : of them one epoch has.
    weight : factor of the predicted APL (the paper's lambda).
    min_samples_leaf : of the trees; 5, or 25 from 4,000 rows, when None.
    max_rows : trees are fitted to at most so many rows.
    force : go on where the surrogate is of no use.

    Raises
    ------
    SurrogateError
        From a call: over the epochs after its trainings, its predictions explain at
        most half of the variance of the true APL, and ``force`` is False.

    References
    ----------
    Wu, Hughes, Parbhoo, Zazzi, Roth, Doshi-Velez: "Beyond Sparsity: Tree Regularization
    of Deep Models for Interpretability", AAAI 2018, arXiv 1711.06178, section 4.
    """

    def __init__(
        self,
        features: Tensor,
        network: nn.Module,
        *,
        steps: int,
        steps_per_epoch: int = 1,
        weight: float = 0.1,
        min_samples_leaf: int | None = None,
        max_rows: int = 4000,
        seed: int = 0,
        by_row: Callable[[Tensor], Tensor] | None = None,
        force: bool = False,
        **_: object,
    ) -> None:
        picked = np.random.default_rng(seed).permutation(len(features))[:max_rows]
        self._rows = torch.as_tensor(picked, device=features.device)
        self._reference = features[self._rows]
        self._values: TreeFeatures = self._reference.detach().cpu().numpy()
        self._network = network
        self._by_row = by_row
        self._epoch_steps = steps_per_epoch
        self._weight = weight
        self._leaf_size = min_samples_leaf or (25 if len(picked) >= 4000 else 5)
        self._force = force
        self._generator = torch.Generator().manual_seed(seed)
        self._pairs: deque[tuple[Tensor, float]] = deque(maxlen=LAST_PAIRS)
        self._random: list[tuple[Tensor, float]] = []
        self._foretold: list[tuple[float, float]] = []
        self._predict: nn.Module | None = None
        self._warned = False
        self.step = 0
        self.tree: Grown | None = None

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Return weight * predicted APL; 0 before the first training."""
        if self.step % self._epoch_steps == 0:
            self._new_epoch(self.step // self._epoch_steps)
        self.step += 1
        if self._predict is None:
            return logits.new_zeros(())
        length: Tensor = self._predict(self._weights()[None]).squeeze()
        return self._weight * length

    @property
    def r2(self) -> float:
        """Next-window R²: of predictions made before the weights they are about.

        0 where there are none yet, or where the true APL did not vary.
        """
        if not self._foretold:
            return 0.0
        predicted, true = np.array(self._foretold).T
        spread = float(((true - true.mean()) ** 2).sum())
        return 1 - float(((true - predicted) ** 2).sum()) / spread if spread else 0.0

    def _weights(self) -> Tensor:
        return torch.cat([p.flatten() for p in self._network.parameters()])

    def _new_epoch(self, epoch: int) -> None:
        weights, length = self._weights().detach().clone(), self._measure()
        if self._predict is not None:
            with torch.no_grad():
                self._foretold.append((float(self._predict(weights[None])), length))
        self._pairs.append((weights, length))
        if epoch and epoch % REFIT_EVERY == 0:
            if self._foretold:
                self._judge()
            self._random = self._random or self._random_networks()
            self._predict = self._train()

    def _measure(self) -> float:
        """Fit, prune and measure the tree of the present decisions: its true APL."""
        decisions = self._decide()
        cart = DecisionTreeClassifier(
            min_samples_leaf=self._leaf_size, max_depth=64, random_state=0
        ).fit(self._values, decisions)
        grown = grown_from_cart(cart, self._values, decisions)
        # Post-pruned: splits that change no answer are cut.
        self.tree = trim(grown, prune(grown, 0.0, single_leaf=True))
        leaves = route(self.tree, self._values)
        return float(path_lengths(self.tree)[leaves].mean())

    @torch.no_grad()
    def _decide(self) -> Indexes:
        if self._by_row is not None:
            logits = self._by_row(self._rows)
        else:
            logits = self._network(self._reference)
        return np.asarray(logits.argmax(dim=1).cpu().numpy())

    def _random_networks(self) -> list[tuple[Tensor, float]]:
        """Measure networks with random weights, of the scale of the present ones."""
        parameters = list(self._network.parameters())
        kept = [parameter.data for parameter in parameters]
        pairs = []
        for _ in range(RANDOM_PAIRS):
            # Other storage, not other values: the batch under way still needs these.
            for parameter, present in zip(parameters, kept, strict=True):
                noise = torch.randn(present.shape, generator=self._generator)
                parameter.data = noise.to(present) * present.square().mean().sqrt()
            pairs.append((self._weights().detach().clone(), self._measure()))
        for parameter, present in zip(parameters, kept, strict=True):
            parameter.data = present
        return pairs

    def _train(self) -> nn.Module:
        """Train the surrogate on all pairs, from several starts; keep the best fit."""
        pairs = [*self._pairs, *self._random]
        weights = torch.stack([pair[0] for pair in pairs])
        lengths = torch.tensor([pair[1] for pair in pairs], device=weights.device)
        fits = [self._fit(weights, lengths) for _ in range(RESTARTS)]
        return min(fits, key=lambda fit: fit[1])[0]

    def _fit(self, weights: Tensor, lengths: Tensor) -> tuple[nn.Module, float]:
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**31, (), generator=self._generator)))
            model = nn.Sequential(
                nn.Linear(weights.shape[1], HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, 1),
                nn.Softplus(),  # a path length is never negative
            ).to(weights.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)
        loss = torch.zeros(())
        with torch.enable_grad():
            for _ in range(SURROGATE_STEPS):
                loss = (model(weights).squeeze(1) - lengths).square().mean()
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
        return model.requires_grad_(False), float(loss.detach())

    def _judge(self) -> None:
        """Warn once, or refuse, where the predictions say nothing."""
        if self.r2 > USEFUL_R2 or self._warned:
            return
        problem = (
            f"the surrogate foretells the average path length with R² {self.r2:.2f} "
            f"(more than {USEFUL_R2} is needed): its gradient is noise"
        )
        if not self._force:
            raise SurrogateError(
                f'{problem}. Use regularizer "pull", or set [regularizer] force = true '
                "to go on all the same"
            )
        self._warned = True
        warnings.warn(problem, TrainingWarning, stacklevel=3)
