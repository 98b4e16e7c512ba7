"""The neighbourhood of a table's row: numbers drawn around the training mean."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs
from explainers.methods.lime.surrogate import Samples
from explainers.model import Model

KEPT_BYTES = 2 * 2**20
"""Draws up to this size are kept: most requests come with the same few seeds."""

Columns = NDArray[np.intp]
"""[m]: some of the inputs, by position."""


def table_width(n_inputs: int) -> float:
    """Return the kernel width of the reference implementation."""
    return 0.75 * float(np.sqrt(n_inputs))


@dataclass(frozen=True)
class Scaled:
    """Numbers, drawn around the training mean; in training standard deviations.

    ``drawn`` [n, m] are standard normal; ``x``, ``mean`` and ``spread`` [m] float32.
    """

    drawn: NDArray[np.float32]
    x: Inputs
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @property
    def origin(self) -> Floats:
        """Where ``x`` is."""
        return ((self.x - self.mean) / self.spread).astype(np.float64)

    def take(self, part: slice) -> tuple[Inputs, Floats]:
        """Return some rows, and their features less the origin."""
        scaled = self.drawn[part]
        inputs = scaled * self.spread
        inputs += self.mean
        return inputs, scaled - self.origin


@dataclass(frozen=True)
class Resampled:
    """Values of the background sample; the feature is "as here".

    ``picked`` [n, m] are positions in ``values`` and ``same`` [rows * m].
    """

    picked: NDArray[np.int32]
    values: Inputs
    same: Floats

    @property
    def origin(self) -> Floats:
        """All as here."""
        return np.ones(self.picked.shape[1])

    def take(self, part: slice) -> tuple[Inputs, Floats]:
        """Return some rows, and their features less the origin."""
        picked = self.picked[part]
        return self.values[picked], self.same[picked] - 1.0


@dataclass(frozen=True)
class TableNeighbourhood:
    """Perturbed copies of a row ``x``; the weight is sqrt(exp(-distance^2 / width^2))
    of the Euclidean distance between features.
    """

    model: Model
    x: Inputs
    width: float
    parts: list[tuple[Columns, Scaled | Resampled]]

    @property
    def origin(self) -> Floats:
        """The surrogate's features of ``x``: [n_inputs]."""
        origin = np.empty(len(self.x))
        for columns, part in self.parts:
            origin[columns] = part.origin
        return origin

    def samples(self, part: slice) -> Samples:
        """Return some of the copies, answered."""
        inputs, offsets = self._take(part)
        if part.start == 0:
            inputs[0], offsets[0] = self.x, 0
        squared = np.einsum("ij,ij->i", offsets, offsets)
        weights = np.exp(squared / (-2 * self.width**2))
        return Samples(offsets, weights, self.model.forward(inputs)[1])

    def _take(self, part: slice) -> tuple[Inputs, Floats]:
        if len(self.parts) == 1:  # all columns of one kind: nothing to put together
            return self.parts[0][1].take(part)
        shape = (part.stop - part.start, len(self.x))
        inputs, offsets = np.empty(shape, dtype=np.float32), np.empty(shape)
        for columns, drawn in self.parts:
            inputs[:, columns], offsets[:, columns] = drawn.take(part)
        return inputs, offsets


def table_neighbourhood(
    model: Model, x: Inputs, discretize: bool, width: float, seed: int, n: int
) -> TableNeighbourhood:
    """Draw n rows, the first of them ``x`` itself ([n_inputs] float32).

    Numbers are drawn from a normal distribution with the training mean and spread, as
    in the reference implementation; categories, numbers that are missing here, and all
    columns when ``discretize`` is set are drawn from the background sample.
    """
    numeric = np.array([f.kind == "numeric" for f in model.manifest.input.features])
    numeric &= ~np.isnan(x)
    scaled = np.flatnonzero(numeric & (not discretize))
    resampled = np.flatnonzero(~numeric | discretize)
    parts: list[tuple[Columns, Scaled | Resampled]] = []
    if len(scaled):
        moments = (moment[scaled] for moment in input_moments(model))
        drawn = _draw(seed, n, len(scaled))
        parts.append((scaled, Scaled(drawn, x[scaled], *moments)))
    if len(resampled):
        values = model.background[:, resampled]
        same = _is_same(model.background, x, numeric)[:, resampled]
        picked = _pick(seed, n, *values.shape)
        parts.append(
            (
                resampled,
                Resampled(picked, values.ravel(), same.ravel().astype(np.float64)),
            )
        )
    return TableNeighbourhood(model, x, width, parts)


def _is_same(
    background: Inputs, x: Inputs, numeric: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Compare with ``x``: same quartile for numbers, else the same value; [n, d]."""
    same: NDArray[np.bool_] = (background == x) | (np.isnan(background) & np.isnan(x))
    if numeric.any():
        column = background[:, numeric]
        quantile = np.nanquantile if np.isnan(column).any() else np.quantile  # quicker
        edges = quantile(column, (0.25, 0.5, 0.75), axis=0)  # [3, n_numeric]
        here = (x[numeric] > edges).sum(axis=0)
        there = (column[:, None] > edges).sum(axis=1)
        same[:, numeric] = here == there
    return same


def input_moments(model: Model) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return training mean and spread of each numeric input: [n_inputs] each."""
    d = len(model.manifest.input.features)
    mean, spread = np.zeros(d, dtype=np.float32), np.ones(d, dtype=np.float32)
    for column in model.manifest.tree_features:
        if column.kind == "value":
            mean[column.source], spread[column.source] = column.mean, column.spread
    return mean, spread


def _draw(seed: int, n: int, d: int) -> NDArray[np.float32]:
    """Return standard normal numbers [n, d], which nobody may write to."""
    draw = _draw_kept if n * d * 4 <= KEPT_BYTES else _draw_kept.__wrapped__
    return draw(seed, n, d)


@lru_cache(maxsize=8)
def _draw_kept(seed: int, n: int, d: int) -> NDArray[np.float32]:
    generator = np.random.Generator(np.random.PCG64([seed, 0]))
    drawn = generator.standard_normal((n, d), dtype=np.float32)
    drawn.flags.writeable = False
    return drawn


def _pick(seed: int, n: int, rows: int, d: int) -> NDArray[np.int32]:
    """Return a random row for each value, as positions [n, d] in a flat [rows, d]."""
    pick = _pick_kept if n * d * 4 <= KEPT_BYTES else _pick_kept.__wrapped__
    return pick(seed, n, rows, d)


@lru_cache(maxsize=8)
def _pick_kept(seed: int, n: int, rows: int, d: int) -> NDArray[np.int32]:
    generator = np.random.Generator(np.random.PCG64([seed, 1]))
    picked = generator.integers(rows, size=(n, d), dtype=np.int32)
    picked *= np.int32(d)
    picked += np.arange(d, dtype=np.int32)
    picked.flags.writeable = False
    return picked
