"""Activation maximisation for tables: a row inside the training range, per unit.

The row maximises the unit's activation, in training deviations of that activation, less
half a price times the squared distance from the training mean, as in Simonyan et al.;
without the price the answer is a corner of the range that no row resembles.

References
----------
Simonyan, Vedaldi, Zisserman: "Deep Inside Convolutional Networks", ICLR workshop 2014,
arXiv 1312.6034, section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Floats, TreeFeatures
from explainers.manifest import TreeFeature
from trainer.visualize.activations import record
from trainer.visualize.examples import score_examples
from trainer.visualize.objectives import Objective
from trainer.visualize.optimise import Recipe

PRICE = 0.02
"""Of one squared training deviation, per column, in deviations of the activation."""


@dataclass(frozen=True)
class Prototypes:
    """One row an objective: ``rows`` [n, d] float32, ``scores`` [n] float64."""

    rows: TreeFeatures
    scores: Floats


class Rows(nn.Module):
    """Parameters that stand for rows that a client could send.

    Numbers stay within the training range, the categories of one column share it (a
    softmax), nothing is missing.
    """

    def __init__(self, n: int, columns: Sequence[TreeFeature]) -> None:
        super().__init__()
        low = np.array([column.minimum for column in columns])
        high = np.array([column.maximum for column in columns])
        mean = np.array([column.mean for column in columns])
        share = np.clip((mean - low) / np.where(high > low, high - low, 1), 0.02, 0.98)
        start = torch.tensor(np.log(share / (1 - share)), dtype=torch.float32)
        self.values = nn.Parameter(start.repeat(n, 1))
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("width", torch.tensor(high - low, dtype=torch.float32))
        self.kinds = [column.kind for column in columns]
        self.groups = _category_groups(columns)

    def forward(self) -> Tensor:
        """Return rows [n, d]."""
        numbers = self.get_buffer("low") + self.get_buffer("width") * torch.sigmoid(
            self.values
        )
        parts = list(numbers.unbind(1))
        for group in self.groups:
            shares = torch.softmax(self.values[:, group], dim=1)
            for place, column in enumerate(group):
                parts[column] = shares[:, place]
        for column, kind in enumerate(self.kinds):
            if kind == "missing":
                parts[column] = torch.zeros_like(parts[column])
        return torch.stack(parts, dim=1)

    @torch.no_grad()
    def settled(self) -> Tensor:
        """Return the rows with each category decided: the likeliest one alone."""
        rows: Tensor = self()
        for group in self.groups:
            chosen = rows[:, group].argmax(dim=1)
            one_hot = nn.functional.one_hot(chosen, len(group))
            rows[:, group] = one_hot.to(rows.dtype)
        return rows


def _category_groups(columns: Sequence[TreeFeature]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for position, column in enumerate(columns):
        if column.kind == "category":
            groups.setdefault(column.source, []).append(position)
    return list(groups.values())


def find_prototypes(
    network: nn.Module,
    objectives: Sequence[Objective],
    columns: Sequence[TreeFeature],
    Z: TreeFeatures,
    recipe: Recipe,
    *,
    price: float = PRICE,
) -> Prototypes:
    """Find a row for each objective. Nothing here is random.

    Parameters
    ----------
    columns : the tree features that the network reads, with range, mean and spread.
    Z : [n, d] training rows, for the unit of each activation.
    recipe : its steps and learning rate.
    """
    spread = score_examples(network, objectives, torch.from_numpy(Z)).std(axis=1)
    unit = torch.tensor(np.maximum(spread, 1e-6), dtype=torch.float32)
    mean = torch.tensor([c.mean for c in columns], dtype=torch.float32)
    deviation = torch.tensor([c.spread for c in columns], dtype=torch.float32)
    rows = Rows(len(objectives), columns)
    optimizer = torch.optim.Adam(rows.parameters(), lr=recipe.learning_rate)
    for _ in range(recipe.steps):
        x: Tensor = rows()
        scores = _score_each(network, objectives, x)
        distance = ((x - mean) / deviation).square().sum(dim=1)
        gain = scores / unit - price / 2 * distance
        optimizer.zero_grad()
        (gradient,) = torch.autograd.grad(-gain.sum(), [rows.values])
        rows.values.grad = gradient
        optimizer.step()
    final = rows.settled()
    with torch.no_grad():
        scores = _score_each(network, objectives, final)
    return Prototypes(final.numpy(), np.asarray(scores.double().numpy()))


def _score_each(
    network: nn.Module, objectives: Sequence[Objective], x: Tensor
) -> Tensor:
    """Return [n]: row i scored by objective i."""
    layers = tuple(dict.fromkeys(layer for o in objectives for layer in o.layers))
    answers = record(network, layers, x)
    return torch.stack([o.score(answers)[i] for i, o in enumerate(objectives)])


def nearest_distances(rows: TreeFeatures, Z: TreeFeatures, spread: Floats) -> Floats:
    """Return each row's distance to the nearest of Z, [n], in deviations a column.

    The root mean square over columns: 1 is as far as a deviation in every column.
    """
    scaled, known = rows / spread, Z / spread
    squared = ((scaled[:, None] - known[None]) ** 2).mean(axis=2)  # [n, n_known]
    return np.asarray(np.sqrt(squared.min(axis=1)), dtype=np.float64)
