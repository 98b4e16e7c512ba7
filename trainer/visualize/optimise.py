"""Gradient ascent on pictures."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.arrays import Floats
from trainer.visualize.activations import record
from trainer.visualize.objectives import Objective
from trainer.visualize.parametrisation import PARAMETRISATIONS, Parametrisation
from trainer.visualize.redirect import WARM_UP, redirected
from trainer.visualize.transforms import STANDARD, Robustness, move


@dataclass(frozen=True)
class Recipe:
    """How to optimise; the defaults are lucid's but for one fused movement.

    ``warm_up`` is the number of steps with redirected gradients (redirect.py).
    ``robustness`` None moves nothing: with ``parametrisation`` "pixel" that is the
    unregularised ascent that adversarial noise comes from.
    """

    steps: int = 512
    learning_rate: float = 0.05
    parametrisation: Parametrisation = "fourier"
    robustness: Robustness | None = STANDARD
    seed: int = 0
    warm_up: int = WARM_UP


UNREGULARISED = Recipe(parametrisation="pixel", robustness=None)


@dataclass(frozen=True)
class Bounds:
    """The network's input: its shape (n_channels, height, width) and range.

    ``low`` and ``high`` [n_channels] are the bounds of pixel values; ``colours`` says
    whether three channels are red, green and blue.
    """

    shape: tuple[int, int, int]
    low: Floats
    high: Floats
    colours: bool = True


@dataclass(frozen=True)
class Optimised:
    """Pictures and what the objective says of them, unmoved.

    ``pixels`` [n, n_channels, height, width] float32 in input units; ``scores`` [n];
    ``moved`` is whether the pictures were moved about between steps.
    """

    pixels: NDArray[np.float32]
    scores: Floats
    moved: bool


def optimise(
    network: nn.Module,
    objective: Objective,
    bounds: Bounds,
    recipe: Recipe | None = None,
    *,
    pictures: int = 1,
) -> Optimised:
    """Optimise a batch of pictures for an objective.

    Parameters
    ----------
    network : in evaluation mode; its parameters get no gradients.
    pictures : of the batch; they differ in their first spectrum.

    Returns
    -------
    The same pictures for the same recipe, seed included.
    """
    recipe = recipe or Recipe()
    made = PARAMETRISATIONS[recipe.parametrisation](
        (pictures, *bounds.shape),
        bounds.low,
        bounds.high,
        recipe.seed,
        colours=bounds.colours,
    )
    generator = torch.Generator().manual_seed(recipe.seed + 1)
    optimizer = torch.optim.Adam(made.parameters(), lr=recipe.learning_rate)
    middle = (made.low + made.high) / 2
    with _frozen(network), redirected(network) as end_redirection:
        for step in range(recipe.steps):
            if step == recipe.warm_up:
                end_redirection()
            shown: Tensor = made()
            if recipe.robustness is not None:
                shown = move(shown, middle, recipe.robustness, generator)
            scores = objective.score(record(network, objective.layers, shown))
            optimizer.zero_grad()
            torch.autograd.backward(-scores.sum())
            optimizer.step()
        with torch.no_grad():
            final: Tensor = made()
    scored = score_inputs(network, objective, final)
    return Optimised(final.numpy(), scored, moved=recipe.robustness is not None)


def outdo(
    network: nn.Module,
    objective: Objective,
    bounds: Bounds,
    recipe: Recipe,
    best_real: float,
) -> Optimised:
    """Optimise one picture, in place where moving it about does not lead anywhere.

    Movement resamples a picture, and so takes away the finest detail. Some early units
    answer to nothing else: moved, they stay below the best real example.

    Parameters
    ----------
    best_real : the score of the best real example.
    """
    made = optimise(network, objective, bounds, recipe)
    if not made.moved or made.scores[0] > best_real:
        return made
    in_place = optimise(network, objective, bounds, replace(recipe, robustness=None))
    return max(made, in_place, key=lambda one: float(one.scores[0]))


def score_inputs(network: nn.Module, objective: Objective, inputs: Tensor) -> Floats:
    """Return what an objective says of inputs as they are: [n] float64."""
    with torch.no_grad():
        scores = objective.score(record(network, objective.layers, inputs))
    return np.asarray(scores.double().numpy())


class _frozen:
    """Spare the gradients of parameters, and put the flags back afterwards."""

    def __init__(self, network: nn.Module) -> None:
        self._flags = [(p, p.requires_grad) for p in network.parameters()]

    def __enter__(self) -> None:
        for parameter, _ in self._flags:
            parameter.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for parameter, flag in self._flags:
            parameter.requires_grad_(flag)
