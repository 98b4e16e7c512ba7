"""What a picture is optimised for: a unit, a direction, a class, or many at once.

An objective scores each input of a batch; larger is better. Objectives add up and can
be multiplied by a number.

References
----------
Olah, Mordvintsev, Schubert: "Feature Visualization", Distill 2017: "Optimization
Objectives", "Diversity", "Interaction between Neurons".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from trainer.errors import VisualizationError
from trainer.visualize.activations import OUTPUT

Answers: TypeAlias = Mapping[str, Tensor]
"""Layer name -> its output [n, n_units, ...]."""


@dataclass(frozen=True)
class Objective:
    """A score of inputs by what some layers answer.

    ``score`` maps the answers to [n]: one number an input.
    """

    name: str
    layers: tuple[str, ...]
    score: Callable[[Answers], Tensor]

    def __add__(self, other: "Objective") -> "Objective":
        """Return the sum of two objectives."""
        return Objective(
            f"{self.name} + {other.name}",
            tuple(dict.fromkeys(self.layers + other.layers)),
            lambda answers: self.score(answers) + other.score(answers),
        )

    def __mul__(self, weight: float) -> "Objective":
        """Return the objective times a number; -1 turns it round."""
        return Objective(
            f"{weight:g} x {self.name}",
            self.layers,
            lambda answers: weight * self.score(answers),
        )


def channel(layer: str, unit: int) -> Objective:
    """Return the mean of one channel over all positions; of a flat layer, the unit."""

    def score(answers: Answers) -> Tensor:
        answer = _unit(answers[layer], layer, unit)
        return answer.reshape(len(answer), -1).mean(dim=1)

    return Objective(f"{layer}:{unit}", (layer,), score)


def neuron(layer: str, unit: int, at: tuple[int, ...] | None = None) -> Objective:
    """Return one channel at one position, the middle one by default."""

    def score(answers: Answers) -> Tensor:
        answer = _unit(answers[layer], layer, unit)  # [n, *positions]
        sides = answer.shape[1:]
        places = [size // 2 for size in sides] if at is None else at
        inside = all(0 <= p < size for p, size in zip(places, sides, strict=False))
        if len(places) != len(sides) or not inside:
            raise VisualizationError(
                f"layer {layer!r} answers at {list(sides)} positions: none is "
                f"{','.join(map(str, places))}"
            )
        return answer[(slice(None), *places)]

    where = "" if at is None else f"@{','.join(map(str, at))}"
    return Objective(f"{layer}:{unit}{where or '@middle'}", (layer,), score)


def seen(objective: Objective, view: Callable[[Tensor], Tensor]) -> Objective:
    """Return an objective that reads what its layers answer through ``view``."""

    def score(answers: Answers) -> Tensor:
        return objective.score({name: view(answers[name]) for name in objective.layers})

    return Objective(objective.name, objective.layers, score)


def last_step(states: Tensor) -> Tensor:
    """[n, steps, n_units] of a recurrent layer -> [n, n_units], of a flat one."""
    return states[:, -1]


def as_map(states: Tensor) -> Tensor:
    """[n, steps, n_units] of a recurrent layer -> [n, n_units, steps]."""
    return states.transpose(1, 2)


def last_state(layer: str, unit: int) -> Objective:
    """Return one unit of a recurrent layer at the last step."""
    return seen(channel(layer, unit), last_step)


def logit(target: int, name: str | None = None) -> Objective:
    """Return a class's logit: "this class against the others", as logits are centred.

    The probability would be maximised just as well by lowering all other classes.
    """

    def score(answers: Answers) -> Tensor:
        return _unit(answers[OUTPUT], "output", target)

    return Objective(name or f"class {target}", (OUTPUT,), score)


def direction(layer: str, vector: Tensor, cosine_power: float = 0.0) -> Objective:
    """Return the mean of activation . vector over positions.

    Parameters
    ----------
    vector : [n_units].
    cosine_power : the dot product is multiplied by max(.1, cosine) to this power; 0 is
        the plain dot product, larger values care more for the angle than for the size.
    """

    def score(answers: Answers) -> Tensor:
        flat = _positions(answers[layer])  # [n, k, positions]
        dot = torch.einsum("nkp,k->np", flat, vector)
        if cosine_power:
            length = flat.norm(dim=1) * vector.norm() + 1e-6
            dot = dot * (dot / length).clamp_min(0.1) ** cosine_power
        return dot.mean(dim=1)

    return Objective(f"{layer}:direction", (layer,), score)


def each(objectives: Sequence[Objective]) -> Objective:
    """Return an objective of its own for every input of a batch, in order.

    Many pictures in one batch: about twice as many a minute as one by one.
    """

    def score(answers: Answers) -> Tensor:
        scores = [objective.score(answers) for objective in objectives]
        return torch.stack([scores[i][i] for i in range(len(scores))])

    layers = tuple(dict.fromkeys(sum((o.layers for o in objectives), ())))
    return Objective(", ".join(o.name for o in objectives), layers, score)


def interpolation(first: Objective, second: Objective) -> Objective:
    """Return a blend that runs from one objective to another over the batch.

    Of n inputs, number i is scored (1 - t) * first + t * second with t = i / (n - 1).
    """

    def score(answers: Answers) -> Tensor:
        start, end = first.score(answers), second.score(answers)
        t = torch.linspace(0, 1, len(start), dtype=start.dtype, device=start.device)
        return (1 - t) * start + t * end

    layers = tuple(dict.fromkeys(first.layers + second.layers))
    return Objective(f"{first.name} to {second.name}", layers, score)


def diversity(layer: str) -> Objective:
    """Return minus the mean similarity of each input to the others of the batch.

    Similarity is the cosine of the Gram matrices of a layer's channels: the same
    textures anywhere in the picture. Add it, weighted, to see the facets of a unit.
    """

    def score(answers: Answers) -> Tensor:
        flat = _positions(answers[layer])  # [n, k, positions]
        if len(flat) < 2:
            raise VisualizationError("diversity needs at least two pictures")
        grams = torch.einsum("nkp,nlp->nkl", flat, flat).flatten(1)
        unit = torch.nn.functional.normalize(grams, dim=1)
        similarity = unit @ unit.T  # [n, n]
        return -(similarity.sum(dim=1) - similarity.diagonal()) / (len(flat) - 1)

    return Objective(f"diversity in {layer}", (layer,), score)


def _positions(answer: Tensor) -> Tensor:
    """[n, k, ...] -> [n, k, n_positions]; a flat layer has one position."""
    return answer.reshape(*answer.shape[:2], -1)


def _unit(answer: Tensor, layer: str, unit: int) -> Tensor:
    if answer.dim() < 2 or not 0 <= unit < answer.shape[1]:
        raise VisualizationError(
            f"layer {layer!r} answers {list(answer.shape)}: it has no unit {unit}"
        )
    return answer[:, unit]
