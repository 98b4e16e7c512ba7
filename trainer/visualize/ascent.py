"""The pictures of a target: one, or as many facets of it."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from explainers.arrays import Floats
from trainer.visualize.optimise import (
    Bounds,
    Optimised,
    Recipe,
    optimise,
    outdo,
    score_inputs,
)
from trainer.visualize.targets import Target

FACETS = 3
"""Pictures of a unit whose facets are asked for."""
APART = 0.5
"""What having nothing in common with the others is worth to a facet, in distances from
the worst to the best real example. On digits, .25 leaves facets alike (mean cosine .97
instead of .98), 1 leaves some below the best real example, .5 none (cosine .92 and
.66)."""


def ascend(
    network: nn.Module,
    target: Target,
    bounds: Bounds,
    recipe: Recipe,
    answers: Floats,
) -> list[tuple[Target, Optimised]]:
    """Return the pictures of a target, each with what it shows: one, or its facets.

    Parameters
    ----------
    answers : [n] what real examples score.
    """
    if target.apart is None:
        made = outdo(network, target.objective, bounds, recipe, answers.max())
        return [(target, made)]
    together = target.objective + target.apart * float(APART * np.ptp(answers))
    made = optimise(network, together, bounds, recipe, pictures=FACETS)
    scores = score_inputs(network, target.objective, torch.from_numpy(made.pixels))
    return [
        (
            replace(
                target,
                name=f"{target.name}, facet {i + 1} of {FACETS}",
                file=f"{target.file}-{i + 1}",
            ),
            Optimised(made.pixels[i : i + 1], scores[i : i + 1], made.moved),
        )
        for i in range(FACETS)
    ]
