"""Real inputs beside optimised ones: which of the data a unit answers to most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Floats
from trainer.visualize.activations import record
from trainer.visualize.objectives import Objective

CHUNK = 64
"""Inputs of one pass; bounds the memory of activations."""


@dataclass(frozen=True)
class Extremes:
    """The real input that scores highest and the one that scores lowest.

    ``best`` and ``worst`` are positions in the data.
    """

    best: int
    best_score: float
    worst: int
    worst_score: float


def score_examples(
    network: nn.Module, objectives: Sequence[Objective], inputs: Tensor
) -> Floats:
    """Score real inputs by several objectives in one pass.

    Parameters
    ----------
    inputs : [n, ...].

    Returns
    -------
    [n_objectives, n] float64.
    """
    layers = tuple(dict.fromkeys(sum((o.layers for o in objectives), ())))
    scores = []
    with torch.no_grad():
        for chunk in torch.split(inputs, CHUNK):
            answers = record(network, layers, chunk)
            rows = [objective.score(answers).double() for objective in objectives]
            scores.append(torch.stack(rows))
    return np.asarray(torch.cat(scores, dim=1).numpy())


def find_extremes(scores: Floats) -> Extremes:
    """Return the ends of one objective's scores, [n]."""
    best, worst = int(scores.argmax()), int(scores.argmin())
    return Extremes(best, float(scores[best]), worst, float(scores[worst]))
