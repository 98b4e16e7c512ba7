"""Penalties on the weights alone: plain L1, plain L2, and L1 with orthogonality.

They know no tree. They are the rivals that the literature compares with.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainer.pruning import Grown


class _WeightPenalty(ABC):
    """A penalty that sees the network and neither the batch nor its answers."""

    tree: Grown | None = None

    def __init__(
        self, features: Tensor, network: nn.Module, *, weight: float = 1e-3, **_: object
    ) -> None:
        self._network = network
        self._weight = weight

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Return the scalar penalty of the present weights."""
        return self._weight * self.measure()

    @abstractmethod
    def measure(self) -> Tensor:
        """Return the penalty at weight 1."""

    def matrices(self) -> Iterator[Tensor]:
        """Yield each layer's weights as [outputs, inputs]; biases are left alone."""
        for parameter in self._network.parameters():
            if parameter.dim() > 1:
                yield parameter.flatten(1)


class L1(_WeightPenalty):
    """The sum of the weights' absolute values (Tibshirani 1996)."""

    def measure(self) -> Tensor:
        """Return the sum over layers of |W|."""
        return torch.stack([matrix.abs().sum() for matrix in self.matrices()]).sum()


class L2(_WeightPenalty):
    """Half the sum of the squared weights, in the loss and not in the optimiser."""

    def measure(self) -> Tensor:
        """Return half the sum over layers of W squared."""
        halves = [matrix.square().sum() / 2 for matrix in self.matrices()]
        return torch.stack(halves).sum()


class L1Orthogonal(_WeightPenalty):
    """L1 plus the distance of each layer from orthogonality.

    Sparse, mutually orthogonal weights make units that each look at few inputs and at
    different ones, which a tree follows easily. Both parts share one factor.

    References
    ----------
    Schaaf, Huber, Maucher: "Enhancing Decision Tree based Interpretation of Deep Neural
    Networks through L1-Orthogonal Regularization", ICMLA 2019, arXiv 1904.05394. The
    orthogonal part is that of Brock et al., "Neural Photo Editing with Introspective
    Adversarial Networks", ICLR 2017: the sum of |W W^T - I|, here with the smaller of
    W W^T and W^T W, since a matrix with more rows than columns has no orthogonal rows.
    """

    def measure(self) -> Tensor:
        """Return the sum over layers of |W| and of |gram - I|."""
        parts = []
        for matrix in self.matrices():
            wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
            gram = wide @ wide.T
            identity = torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
            parts.append(matrix.abs().sum() + (gram - identity).abs().sum())
        return torch.stack(parts).sum()
