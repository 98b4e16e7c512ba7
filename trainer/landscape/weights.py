"""A network's parameters as one value: named tensors, flat vectors, planes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from explainers.arrays import Floats

Weights: TypeAlias = dict[str, Tensor]
"""Parameter name -> tensor, in the network's own order. Buffers are not among them."""


def weights_of(network: nn.Module) -> Weights:
    """Copy the parameters of a network."""
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def flatten(weights: Weights) -> Tensor:
    """Return all parameters as one vector, [n_parameters]."""
    return torch.cat([value.reshape(-1) for value in weights.values()])


def unflatten(vector: Tensor, like: Weights) -> Weights:
    """Cut a vector [n_parameters] into tensors of the shapes of ``like``."""
    sizes = [value.numel() for value in like.values()]
    parts = torch.split(vector, sizes)
    return {
        name: part.reshape(value.shape)
        for (name, value), part in zip(like.items(), parts, strict=True)
    }


@dataclass(frozen=True)
class Plane:
    """The weights ``origin + alpha * first + beta * second``.

    All three name the same parameters. A line is a plane whose beta stays 0.
    """

    origin: Weights
    first: Weights
    second: Weights

    def at(self, points: Floats) -> Weights:
        """Return the weights at k points, stacked: [k, *shape] by parameter.

        Parameters
        ----------
        points : [k, 2] pairs (alpha, beta).
        """
        steps = torch.as_tensor(points, dtype=torch.float64)
        return {name: self._stack(name, steps) for name in self.origin}

    def _stack(self, name: str, steps: Tensor) -> Tensor:
        # In double precision, so that the centre is the network to the last bit.
        directions = torch.stack([self.first[name], self.second[name]]).double()
        # [k, 2] @ [2, *shape] -> [k, *shape]
        moved: Tensor = torch.tensordot(steps, directions, dims=1)
        return (self.origin[name].double() + moved).to(self.origin[name].dtype)


def difference(ends: Sequence[Weights]) -> Tensor:
    """Return [n, n_parameters] float64: each of n weights minus the last of them."""
    rows = torch.stack([flatten(weights) for weights in ends]).double()
    return rows - rows[-1]
