"""The neighbourhood of a sequence or a picture: some of its segments taken away."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs
from explainers.hiding import forward_hidden
from explainers.methods.lime.segments import Segments
from explainers.methods.lime.surrogate import Samples
from explainers.model import Model

WIDTH = 0.25
"""Kernel width of the reference implementation, for cosine distances."""


@dataclass(frozen=True)
class PartsNeighbourhood:
    """Copies of one input ``x``, without padding, that lack some of its segments.

    ``segments`` [*shape of x] is the number of the segment that each value belongs to,
    ``replacement`` what stands for it when it is taken away (broadcastable to ``x``),
    ``kept`` [n, k] which segments a copy has: the surrogate's features. The weight is
    sqrt(exp(-distance^2 / width^2)) of the cosine distance between a copy's features
    and those of ``x``, as in the reference implementation.
    """

    model: Model
    x: Inputs
    segments: Segments
    replacement: Inputs
    kept: NDArray[np.bool_]
    width: float

    @property
    def origin(self) -> Floats:
        """All segments are there: [k]."""
        return np.ones(self.kept.shape[1])

    def samples(self, part: slice) -> Samples:
        """Return some of the copies, answered."""
        kept = self.kept[part]

        def masks(some: slice) -> NDArray[np.bool_]:
            return ~kept[some][:, self.segments]

        _, probabilities = forward_hidden(
            self.model, self.x, masks, len(kept), self.replacement
        )
        distances = 1 - np.sqrt(kept.mean(axis=1))
        weights = np.exp(distances**2 / (-2 * self.width**2))
        return Samples(kept.astype(np.float64) - 1, weights, probabilities)


def draw_kept(segments: Segments, seed: int, n: int) -> NDArray[np.bool_]:
    """Return which segments n copies have, a random half: [n, k]; the first has all."""
    generator = np.random.Generator(np.random.PCG64(seed))
    kept = generator.integers(0, 2, size=(n, int(segments.max()) + 1), dtype=np.int8)
    kept[0] = 1
    return kept.astype(bool)
