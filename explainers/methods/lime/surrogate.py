"""The local linear model: how it is fitted, and how well it holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Probabilities

RIDGE = 1.0
"""Ridge penalty, as in the reference implementation."""

ROWS_AT_ONCE = 1024
"""Copies that are drawn, answered and summed up at a time: so few stay in the cache of
the processor, and however many are asked for, the memory is bounded."""


@dataclass(frozen=True)
class Samples:
    """Perturbed copies of an input, and the network's answers.

    ``offsets`` [n, k] float64 are the surrogate's features of each copy less those of
    the input itself; ``weights`` [n] float64 say how near a copy is; ``probabilities``
    [n, n_classes] float32.
    """

    offsets: Floats
    weights: Floats
    probabilities: Probabilities


class Neighbourhood(Protocol):
    """The copies of one input, the input itself first.

    ``origin`` [k] float64 are the surrogate's features of the input itself.
    """

    @property
    def origin(self) -> Floats:
        """The surrogate's features of the input itself."""
        ...

    def samples(self, part: slice) -> Samples:
        """Return some of the copies, answered."""
        ...


@dataclass(frozen=True)
class Surrogate:
    """Coefficients [k] of the local linear model, and its answer at the input."""

    coefficients: Floats
    local: float


def sum_moments(near: Neighbourhood, part: slice, target: int, y_here: float) -> Floats:
    """Return all that the fit and its R^2 need of some copies.

    Parameters
    ----------
    target : the class. y_here : its probability at the input itself; the others are
        taken less it, so that sums of squares do not lose digits.

    Returns
    -------
    [k + 2, k + 2] float64: the weighted sums of the products of (features less those of
    the input, 1, probability).
    """
    total: Floats | float = 0.0
    for block in _blocks(part):
        samples = near.samples(block)
        n, k = samples.offsets.shape
        columns = np.empty((n, k + 2))
        columns[:, :k] = samples.offsets
        columns[:, k] = 1.0
        columns[:, k + 1] = samples.probabilities[:, target]
        columns[:, k + 1] -= y_here
        # Half of each weight on either side: a product with itself takes half the time.
        columns *= np.sqrt(samples.weights)[:, None]
        total = total + columns.T @ columns
    return np.asarray(total)


def _blocks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, part.stop))


def fit_surrogate(moments: Floats, y_here: float) -> Surrogate:
    """Fit the weighted ridge regression with an unpenalised intercept.

    By the normal equations, centred after they are summed: features are small where the
    weights are large, so that nothing is lost.
    """
    total, mean = moments[-2, -2], moments[:-2, -2] / moments[-2, -2]
    y_mean = moments[-1, -2] / total
    gram = moments[:-2, :-2] - total * np.outer(mean, mean)
    gram[np.diag_indices_from(gram)] += RIDGE
    coefficients = np.linalg.solve(gram, moments[:-2, -1] - total * y_mean * mean)
    return Surrogate(coefficients, y_here + float(y_mean - mean @ coefficients))


def r2(fit: Surrogate, moments: Floats, y_here: float) -> float | None:
    """Weighted coefficient of determination; None where there is nothing to explain."""
    total = float(moments[-2, -2])
    if total == 0:  # a kernel so narrow that no sample is near
        return None
    variation = float(moments[-1, -1] - moments[-1, -2] ** 2 / total)
    if variation < 1e-12 * total:
        return None
    error = np.array([*fit.coefficients, fit.local - y_here, -1.0])
    return 1 - max(0.0, float(error @ moments @ error)) / variation


def mean_jaccard(fits: list[Surrogate], top: int) -> float | None:
    """Mean overlap of the ``top`` features over all pairs; None for a single fit."""
    tops = [_top_features(fit.coefficients, top) for fit in fits]
    pairs = list(combinations(tops, 2))
    if not pairs:
        return None
    return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)


def _top_features(coefficients: NDArray[np.float64], top: int) -> set[int]:
    return set(np.argsort(-np.abs(coefficients), kind="stable")[:top].tolist())
