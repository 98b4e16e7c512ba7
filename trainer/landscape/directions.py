"""Directions to look along: random ones, filter-normalised, and those of the training.

References
----------
Li, Xu, Taylor, Studer, Goldstein: "Visualizing the Loss Landscape of Neural Nets",
NeurIPS 2018, arXiv 1712.09913; section 4 (filter-wise normalisation), section 7
(trajectories in PCA directions).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainers.arrays import Floats
from trainer.errors import LandscapeError
from trainer.landscape.weights import Weights, difference, flatten, unflatten


def random_direction(weights: Weights, seed: int) -> Weights:
    """Draw a Gaussian direction and give each filter the norm of the network's filter.

    A ReLU network does not change when one layer's weights are doubled and the next
    one's halved, so the flatness along raw directions says nothing; along
    filter-normalised ones it does (section 4). A filter is a row of a matrix, one
    output channel of a convolution. Biases and the scale and shift of normalisation
    layers (all vectors and scalars) stay where they are, as in the authors' code.

    Returns
    -------
    Tensors of the weights' shapes and dtypes.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, value in weights.items():
        drawn = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        norms = filter_norms(value.double()) / filter_norms(drawn).clamp_min(1e-12)
        scaled = drawn * norms if value.dim() > 1 else torch.zeros_like(drawn)
        direction[name] = scaled.to(value.dtype)
    return direction


def filter_norms(value: Tensor) -> Tensor:
    """Return each filter's Euclidean norm, [n_filters, 1, ...]; a vector is one."""
    filters = value.reshape(len(value) if value.dim() > 1 else 1, -1)
    norms: Tensor = torch.linalg.vector_norm(filters, dim=1)
    return norms.reshape(-1, *[1] * (value.dim() - 1))


@dataclass(frozen=True)
class Trajectory:
    """Where training went, seen in the two directions in which it moved most.

    ``first`` and ``second`` have norm 1 over all parameters. ``coordinates`` [n, 2]
    float64 are the checkpoints' projections, in units of weights, measured from the
    last checkpoint; ``explained`` [n - 1] or fewer are the shares of variance of all
    components, largest first. ``epochs`` [n] says when each was recorded.
    """

    first: Weights
    second: Weights
    coordinates: Floats
    explained: Floats
    epochs: tuple[int, ...]


def principal_directions(
    checkpoints: Sequence[Weights], epochs: Sequence[int]
) -> Trajectory:
    """Compute the principal components of a training's checkpoints (section 7).

    The components are those of scikit-learn's PCA: of centred checkpoints, each with
    its largest entry positive. They come from the [n, n] Gram matrix, since there are
    far fewer checkpoints than parameters.

    Raises
    ------
    LandscapeError
        There are fewer than three checkpoints, or they span no plane.
    """
    if len(checkpoints) < 3:
        raise LandscapeError(
            f"{len(checkpoints)} checkpoints span no plane; at least 3 are needed: "
            "train for more epochs"
        )
    moved = difference(checkpoints)  # [n, p]
    centred = moved - moved.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    if values[1] <= 1e-12 * values[0]:
        raise LandscapeError("the checkpoints lie on a line; train for more epochs")
    components = (centred.T @ vectors[:, :2] / values[:2].sqrt()).T  # [2, p]
    largest = components.abs().argmax(dim=1, keepdim=True)
    components = components * components.gather(1, largest).sign()
    like = checkpoints[-1]
    dtype = flatten(like).dtype
    first, second = (unflatten(c.to(dtype), like) for c in components)
    explained = (values / values.sum())[: len(checkpoints) - 1]
    return Trajectory(
        first,
        second,
        np.asarray((moved @ components.T).numpy()),
        np.asarray(explained.numpy()),
        tuple(epochs),
    )
