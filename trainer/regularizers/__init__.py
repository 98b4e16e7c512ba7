"""Regularizers by name. A new one: one file here and one line in ``REGULARIZERS``."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from trainer.pruning import Grown
from trainer.regularizers.pull import WEIGHT, TreeRegularizer
from trainer.regularizers.surrogate import Surrogate
from trainer.regularizers.weights import L1, L2, L1Orthogonal


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


def build_pull(
    features: Tensor,
    network: Callable[[Tensor], Tensor],
    *,
    steps_per_epoch: int = 1,
    force: bool = False,
    restart: int = 0,
    weight: float = WEIGHT,
    **options: Any,
) -> Regularizer:
    """Build the pull; after a dead run it is half as strong.

    A tree fitted before the network has learned much may pull it into one answer.
    """
    return TreeRegularizer(features, network, weight=weight / 2**restart, **options)


REGULARIZERS: dict[str, Callable[..., Regularizer]] = {
    "pull": build_pull,
    "surrogate": Surrogate,
    "l1_orthogonal": L1Orthogonal,
    "l1": L1,
    "l2": L2,
    "none": NoRegularizer,
}
"""Name -> constructor. All take (features, network) and the keywords of
``TreeRegularizer`` and ``Surrogate``; each ignores what it does not need."""
