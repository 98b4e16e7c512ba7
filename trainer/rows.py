"""Rows to learn from, and how a network answers them.

A row is one labelled answer: a line of a table, a picture, a sequence up to some step.
An *item* is what the network reads in one pass: for tables and pictures the row itself,
for sequences the whole sequence, which answers all its rows at once.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Indexes, Probabilities, TreeFeatures

ITEMS_AT_ONCE = 4096
"""Items of one pass without gradients; bounds the memory of activations."""


class Examples(Protocol):
    """The network's side of some rows."""

    def __len__(self) -> int:
        """Return the number of items; batches are drawn from these."""
        ...

    def to(self, device: torch.device) -> "Examples":
        """Return the same on another device."""
        ...

    def logits(self, network: nn.Module, items: Tensor) -> tuple[Tensor, Tensor]:
        """Answer every row of some items: logits [m, n_classes] and row numbers [m]."""
        ...

    def items_of(self, rows: Tensor) -> Tensor:
        """Return the item of each row, [m] int64."""
        ...


class Whole:
    """Items that are rows: the network reads ``inputs`` [n, ...] one by one."""

    def __init__(self, inputs: Tensor) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device) -> "Whole":
        """Return the same on another device."""
        return Whole(self.inputs.to(device))

    def logits(self, network: nn.Module, items: Tensor) -> tuple[Tensor, Tensor]:
        """Answer items; their numbers are the rows'."""
        return network(self.inputs[items]), items

    def items_of(self, rows: Tensor) -> Tensor:
        """Return the rows themselves."""
        return rows


@dataclass(frozen=True)
class Rows:
    """Some rows: tree features ``Z`` [n, d] float32 and true class indexes ``y`` [n].

    ``examples`` is what the network reads; by default the tree features, as for tables.
    """

    Z: TreeFeatures
    y: Indexes
    examples: Examples | None = field(default=None)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def read(self) -> Examples:
        """What the network reads."""
        if self.examples is not None:
            return self.examples
        return Whole(torch.from_numpy(np.ascontiguousarray(self.Z)))


def answer_rows(examples: Examples, network: nn.Module, rows: Tensor) -> Tensor:
    """Return the logits of some rows, [m, n_classes], without gradients."""
    items = torch.unique(examples.items_of(rows))
    parts, numbers = [], []
    with torch.no_grad():
        for chunk in torch.split(items, ITEMS_AT_ONCE):
            logits, answered = examples.logits(network, chunk)
            parts.append(logits)
            numbers.append(answered)
    return _select(torch.cat(parts), torch.cat(numbers), rows)


def _select(logits: Tensor, answered: Tensor, rows: Tensor) -> Tensor:
    """Pick and order the logits of ``rows`` among those of ``answered``."""
    order = torch.argsort(answered)
    positions = torch.searchsorted(answered[order], rows)
    return logits[order[positions]]


def predict_rows(network: nn.Module, rows: Rows) -> Probabilities:
    """Return [n, n_classes] float32 probabilities of a network on the CPU."""
    logits = answer_rows(rows.read, network, torch.arange(len(rows)))
    return np.asarray(torch.softmax(logits, dim=1).numpy(), dtype=np.float32)
