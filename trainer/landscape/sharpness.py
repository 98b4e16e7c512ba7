"""How sharply the loss bends at the network: extreme eigenvalues of its Hessian.

Power iteration on Hessian-vector products (Pearlmutter 1994): the Hessian itself, a
square of the number of parameters, is never formed.

References
----------
Li et al. 2018 (directions.py), section 6: the ratio of the extreme eigenvalues says how
convex the loss is around a point. Pearlmutter: "Fast Exact Multiplication by the
Hessian", Neural Computation 6(1), 1994.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.landscape.weights import flatten, weights_of

Product = Callable[[Tensor], Tensor]
"""v [p] -> H v [p], both float64."""

TOLERANCE = 1e-4
MAX_ITERATIONS = 200
_TINY = 1e-300


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue, the iterations it took, and how far it is from being one.

    ``residual`` is |H v - value v| / |value| for the final unit vector v.
    """

    value: float
    iterations: int
    residual: float


@dataclass(frozen=True)
class Sharpness:
    """The largest and the smallest eigenvalue of the loss's Hessian.

    Units: loss per squared unit of weight.
    """

    largest: Eigenvalue
    smallest: Eigenvalue

    @property
    def negative_share(self) -> float:
        """|smallest| / |largest| where the smallest is negative, else 0 (convex)."""
        if self.smallest.value >= 0 or self.largest.value == 0:
            return 0.0
        return abs(self.smallest.value / self.largest.value)


def measure_sharpness(
    network: nn.Module, loss: Callable[[nn.Module], Tensor], seed: int = 0
) -> Sharpness:
    """Measure the extreme eigenvalues at a network's present weights.

    Parameters
    ----------
    network : its parameters are differentiated, and left as they are.
    loss : from the network to a scalar.
    seed : of the first vector.
    """
    product, size = hessian_product(network, loss)
    return extreme_eigenvalues(product, size, seed)


def hessian_product(
    network: nn.Module, loss: Callable[[nn.Module], Tensor]
) -> tuple[Product, int]:
    """Return v -> H v, and the number of parameters."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    with torch.enable_grad():
        gradient = torch.autograd.grad(loss(network), parameters, create_graph=True)
    flat = torch.cat([part.reshape(-1) for part in gradient])
    dtype = flatten(weights_of(network)).dtype

    def product(vector: Tensor) -> Tensor:
        parts = torch.autograd.grad(
            flat,
            parameters,
            grad_outputs=vector.to(dtype),
            retain_graph=True,
            materialize_grads=True,
        )
        return torch.cat([part.reshape(-1) for part in parts]).double()

    return product, len(flat)


def extreme_eigenvalues(product: Product, size: int, seed: int = 0) -> Sharpness:
    """Return the largest and the smallest eigenvalue of a symmetric operator.

    Power iteration finds the eigenvalue of largest modulus; shifting the operator by it
    turns the opposite end into the dominant one.
    """
    dominant = power_iteration(product, size, seed)

    def shifted(vector: Tensor) -> Tensor:
        return product(vector) - dominant.value * vector

    other = power_iteration(shifted, size, seed + 1)
    value = other.value + dominant.value
    # The vector is as far from being an eigenvector of either operator.
    residual = other.residual * abs(other.value) / max(abs(value), _TINY)
    opposite = Eigenvalue(value, other.iterations, residual)
    ends = sorted([dominant, opposite], key=lambda end: end.value)
    return Sharpness(largest=ends[1], smallest=ends[0])


def power_iteration(product: Product, size: int, seed: int) -> Eigenvalue:
    """Return the eigenvalue of largest modulus, to TOLERANCE of its value."""
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(size, generator=generator, dtype=torch.float64)
    vector = vector / vector.norm()
    value, iteration = 0.0, 0
    while True:
        iteration += 1
        image = product(vector)
        before, value = value, float(vector @ image)
        settled = abs(value - before) <= TOLERANCE * 0.01 * abs(value)
        if settled or iteration == MAX_ITERATIONS or float(image.norm()) == 0.0:
            residual = float((image - value * vector).norm()) / max(abs(value), _TINY)
            return Eigenvalue(value, iteration, residual)
        vector = image / image.norm()
