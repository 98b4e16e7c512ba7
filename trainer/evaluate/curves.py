"""Deletion and insertion curves: what the probability does as parts come and go."""

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes, Inputs
from explainers.hiding import forward_hidden
from explainers.methods.lime.segments import Segments
from explainers.model import Model

POINTS = 17
"""Points of a curve, both ends among them."""
FRACTIONS: Floats = np.linspace(0.0, 1.0, POINTS)


def deletion_curve(
    model: Model, x: Inputs, usual: Inputs, parts: Segments, order: Indexes, target: int
) -> Floats:
    """Return the target's probability as parts are taken away: [POINTS] float64.

    Parameters
    ----------
    x : one input, without the padding of a sequence. usual : what stands for a part
        that is taken away. parts : which part each value belongs to; all of x's shape.
    order : [n_parts], the first to go first.

    References
    ----------
    Petsiuk et al. 2018, RISE, section 4.1.
    """
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    counts = np.rint(FRACTIONS * len(order)).astype(np.int64)

    def masks(some: slice) -> NDArray[np.bool_]:
        gone: NDArray[np.bool_] = rank < counts[some, None]
        return gone[:, parts]

    _, probabilities = forward_hidden(model, x, masks, POINTS, usual)
    return probabilities[:, target].astype(np.float64)


def insertion_curve(
    model: Model, x: Inputs, usual: Inputs, parts: Segments, order: Indexes, target: int
) -> Floats:
    """Return the same as parts are put into the usual input, the first first.

    What has been put in is what is not yet gone when the last go first.
    """
    return deletion_curve(model, x, usual, parts, order[::-1], target)[::-1]


def area(curve: Floats) -> float:
    """Return the area under a curve over [0, 1], by trapezoids."""
    return float(np.trapezoid(curve, FRACTIONS))
