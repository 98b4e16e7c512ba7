"""Regularizers by name. A new one: one file here and one line in ``REGULARIZERS``."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from trainer.pruning import Grown
from trainer.regularizers.pull import TreeRegularizer


class Regularizer(Protocol):
    """What a training loop needs: a penalty a batch, and the present tree to show."""

    tree: Grown | None

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Return the scalar penalty of a batch of ``features[rows]``."""
        ...


class NoRegularizer:
    """The control: no penalty, no tree."""

    tree: Grown | None = None

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Return 0."""
        return logits.new_zeros(())


REGULARIZERS: dict[str, Callable[..., Regularizer]] = {
    "pull": TreeRegularizer,
    "none": NoRegularizer,
}
"""Name -> constructor with the signature of ``TreeRegularizer``."""
