"""lime: a weighted linear model of the network around one row of a table."""

from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs
from explainers.methods.base import (
    AttributionParameters,
    Explainer,
    described,
    resolve_targets,
)
from explainers.model import Model, Prediction

RIDGE = 1.0
"""Ridge penalty of the local surrogate, as in the reference implementation."""

HELD_OUT = 4
"""One fresh sample in so many measures the surrogate on samples that it did not fit."""


class LimeParameters(AttributionParameters, frozen=True):
    """Size of the neighbourhood, its width, and the surrogate's features."""

    samples: Annotated[
        int, Meta(ge=50, le=10_000, description="perturbed rows that the fit sees")
    ] = 1000
    discretize: Annotated[
        bool,
        Meta(description="numbers as 'in the same quartile' instead of their value"),
    ] = False
    width: Annotated[
        Annotated[float, Meta(ge=0.001, le=100)] | None,
        Meta(description="kernel width; null is 0.75 sqrt(n_inputs)"),
    ] = None
    repeats: Annotated[
        int,
        Meta(ge=1, le=10, description="fits with other seeds, to measure stability"),
    ] = 1
    top: Annotated[
        int, Meta(ge=1, le=50, description="features that `stability` compares")
    ] = 5


@dataclass(frozen=True)
class Lime:
    """The local surrogate of the target's probability, and how far to trust it.

    ``attributions`` is the surrogate's weight of each input feature: probability per
    training standard deviation for a number, per "same value as here" for a category or
    a quartile. ``r2`` is on the samples it fitted, ``held_out_r2`` on fresh ones (both
    null where the probability does not vary); ``local_prediction_gap`` is the distance
    between the surrogate's answer here and the network's. ``stability`` is the mean
    Jaccard overlap of the ``top`` features between repeats (null for one repeat).
    """

    method: str
    target: str
    attributions: NDArray[np.float64]
    intercept: float
    r2: float | None
    held_out_r2: float | None
    local_prediction: float
    local_prediction_gap: float
    stability: float | None
    parameters: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class Neighbourhood:
    """Perturbed rows and what the surrogate sees of them; the row itself comes first.

    ``inputs`` [n, n_inputs] float32, ``interpretable`` [n, n_inputs] float64,
    ``weights`` [n] float64.
    """

    inputs: Inputs
    interpretable: Floats
    weights: Floats


@dataclass(frozen=True)
class Surrogate:
    """Weights [n_inputs] and intercept of the local linear model."""

    weights: Floats
    intercept: float

    def predict(self, interpretable: Floats) -> Floats:
        """Return the surrogate's answer: [n] float64."""
        return interpretable @ self.weights + self.intercept


def explain(
    model: Model, prediction: Prediction, parameters: LimeParameters
) -> list[Lime]:
    """Fit one local surrogate a row; the samples depend on the seed alone."""
    targets = resolve_targets(model, prediction, parameters.target)
    return [
        _explain_row(model, prediction, row, int(target), parameters)
        for row, target in enumerate(targets)
    ]


def _explain_row(
    model: Model,
    prediction: Prediction,
    row: int,
    target: int,
    parameters: LimeParameters,
) -> Lime:
    x = prediction.inputs[row]
    n = parameters.samples
    fits = []
    for repeat in range(parameters.repeats):
        total = n + n // HELD_OUT
        near = neighbourhood(model, x, parameters, parameters.seed + repeat, total)
        probabilities = model.forward(near.inputs)[1][:, target].astype(np.float64)
        fit = fit_surrogate(near.interpretable[:n], probabilities[:n], near.weights[:n])
        fits.append((fit, near, probabilities))
    fit, near, probabilities = fits[0]
    local = float(fit.predict(near.interpretable[:1])[0])
    tops = [np.argsort(-np.abs(f.weights), kind="stable")[: parameters.top]
            for f, _, _ in fits]  # fmt: skip
    return Lime(
        method="lime",
        target=model.classes[target],
        attributions=fit.weights,
        intercept=fit.intercept,
        r2=_r2(fit, near, probabilities, slice(0, n)),
        held_out_r2=_r2(fit, near, probabilities, slice(n, None)),
        local_prediction=local,
        local_prediction_gap=abs(local - float(prediction.probabilities[row, target])),
        stability=_mean_jaccard([set(top.tolist()) for top in tops]),
        parameters=described(parameters, width=kernel_width(model, parameters)),
        seed=parameters.seed,
    )


def kernel_width(model: Model, parameters: LimeParameters) -> float:
    """Return the kernel width: 0.75 sqrt(number of features) unless asked otherwise."""
    if parameters.width is not None:
        return parameters.width
    return 0.75 * float(np.sqrt(len(model.manifest.input.features)))


def neighbourhood(
    model: Model, x: Inputs, parameters: LimeParameters, seed: int, n: int
) -> Neighbourhood:
    """Draw n rows, the first of them ``x`` itself ([n_inputs] float32).

    Numbers are drawn from a normal distribution with the training mean and spread, as
    in the reference implementation; categories, numbers that are missing here, and all
    columns when ``discretize`` is set are drawn from the background sample. Distances
    are Euclidean between interpretable rows; the weight is
    sqrt(exp(-distance^2 / width^2)).
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    features = model.manifest.input.features
    numeric = np.array([f.kind == "numeric" for f in features]) & ~np.isnan(x)
    sampled = numeric if not parameters.discretize else np.zeros_like(numeric)
    inputs = np.empty((n, len(x)), dtype=np.float32)
    interpretable = np.empty((n, len(x)), dtype=np.float64)
    if sampled.any():
        mean, spread = _input_moments(model)
        scaled = generator.standard_normal((n, int(sampled.sum())), dtype=np.float32)
        scaled[0] = ((x - mean) / spread)[sampled]
        # A slice, where all columns are meant: a mask costs as much as the draws.
        at = slice(None) if sampled.all() else sampled
        inputs[:, at] = mean[at] + spread[at] * scaled
        interpretable[:, at] = scaled
    if not sampled.all():
        drawn = np.flatnonzero(~sampled)
        picked = generator.integers(len(model.background), size=(n, len(drawn)))
        inputs[:, drawn] = model.background[picked, drawn]
        inputs[0] = x
        interpretable[:, drawn] = _is_same(model, x, inputs, numeric)[:, drawn]
    inputs[0] = x
    squared = ((interpretable - interpretable[0]) ** 2).sum(axis=1)
    weights = np.exp(-squared / (2 * kernel_width(model, parameters) ** 2))
    return Neighbourhood(inputs, interpretable, weights)


def _is_same(
    model: Model, x: Inputs, inputs: Inputs, numeric: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Compare with ``x``: same quartile for numbers, else the same value; [n, d]."""
    same: NDArray[np.bool_] = (inputs == x) | (np.isnan(inputs) & np.isnan(x))
    if numeric.any():
        column = model.background[:, numeric]
        edges = np.nanquantile(column, (0.25, 0.5, 0.75), axis=0)  # [3, n_numeric]
        here = (x[numeric] > edges).sum(axis=0)
        there = (inputs[:, None, numeric] > edges).sum(axis=1)
        same[:, numeric] = here == there
    return same


def _input_moments(model: Model) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return training mean and spread of each numeric input: [n_inputs] each."""
    d = len(model.manifest.input.features)
    mean, spread = np.zeros(d, dtype=np.float32), np.ones(d, dtype=np.float32)
    for column in model.manifest.tree_features:
        if column.kind == "value":
            mean[column.source], spread[column.source] = column.mean, column.spread
    return mean, spread


def fit_surrogate(interpretable: Floats, y: Floats, weights: Floats) -> Surrogate:
    """Fit the weighted ridge regression with an unpenalised intercept.

    Parameters
    ----------
    interpretable : [n, d]. y : [n] probabilities. weights : [n] >= 0.
    """
    total = weights.sum()
    centre = weights @ interpretable / total
    mean = float(weights @ y / total)
    centred = interpretable - centre
    weighted = centred * weights[:, None]
    gram = weighted.T @ centred + RIDGE * np.eye(centred.shape[1])
    coefficients = np.linalg.solve(gram, weighted.T @ (y - mean))
    return Surrogate(coefficients, mean - float(centre @ coefficients))


def _r2(fit: Surrogate, near: Neighbourhood, y: Floats, rows: slice) -> float | None:
    """Weighted coefficient of determination on ``rows``."""
    weights, actual = near.weights[rows], y[rows]
    total = float(weights.sum())
    if total == 0:  # a kernel so narrow that no sample is near
        return None
    mean = float(weights @ actual / total)
    variation = float(weights @ (actual - mean) ** 2)
    if variation < 1e-12 * total:
        return None
    residual = float(weights @ (actual - fit.predict(near.interpretable[rows])) ** 2)
    return 1 - residual / variation


def _mean_jaccard(tops: list[set[int]]) -> float | None:
    pairs = list(combinations(tops, 2))
    if not pairs:
        return None
    return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)


def _rows(model: Model, parameters: LimeParameters) -> int:
    return parameters.repeats * (parameters.samples + parameters.samples // HELD_OUT)


METHOD = Explainer(
    name="lime",
    summary="A linear model of the class's probability, fitted to perturbed copies of "
    "the input. Trust it as far as `held_out_r2` and `local_prediction_gap` allow.",
    source="Ribeiro et al. 2016, Why Should I Trust You?, section 3",
    cost="expensive",
    requires=("tabular",),
    parameters=LimeParameters,
    result=Lime,
    explain=explain,
    rows=_rows,
)
