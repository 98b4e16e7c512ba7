"""integrated_gradients: the logit's change from a baseline, shared among the inputs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Encoded, Floats, Indexes
from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    attribution,
    resolve_targets,
    row_chunks,
)
from explainers.model import Model, Prediction

Baseline = Literal["training_mean", "zero"]


class IntegratedGradientsParameters(AttributionParameters, frozen=True):
    """Baseline, quadrature steps, and when the sum counts as complete."""

    baseline: Annotated[
        Baseline, Meta(description="where the path from baseline to input starts")
    ] = "training_mean"
    steps: Annotated[
        int, Meta(ge=1, le=128, description="Gauss-Legendre steps to begin with")
    ] = 50
    max_steps: Annotated[
        int,
        Meta(ge=1, le=2048, description="steps are doubled up to this many"),
    ] = 400
    tolerance: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="largest completeness error, relative to the logit's change",
        ),
    ] = 0.01

    def __post_init__(self) -> None:
        if self.max_steps < self.steps:
            raise ValueError(f"max_steps must be at least steps ({self.steps})")


@dataclass(frozen=True)
class Completeness:
    """How well the attributions add up to the logit's change from the baseline.

    ``absolute`` is |sum(attributions) - (logit(input) - logit(baseline))|, ``relative``
    that over |logit(input) - logit(baseline)| (null when nothing changed), ``met``
    whether it is within the tolerance.
    """

    absolute: float
    relative: float | None
    met: bool


@dataclass(frozen=True)
class IntegratedGradients(Attribution):
    """An attribution in logits, with its completeness; ``parameters.steps`` is what was
    used in the end.
    """

    completeness: Completeness


NEGLIGIBLE = 1e-6
"""Logit changes below this are rounding: their relative error means nothing."""


def explain(
    model: Model, prediction: Prediction, parameters: IntegratedGradientsParameters
) -> list[IntegratedGradients]:
    """Integrate the gradient along the straight line from the baseline to each row.

    Steps double (up to ``max_steps``) for the rows whose completeness error exceeds the
    tolerance: the error is not monotone in the number of steps, so it is measured.
    """
    targets = resolve_targets(model, prediction, parameters.target)
    baseline = _baseline(model, parameters.baseline, prediction.encoded)
    change = _logit_change(model, prediction, baseline, targets)
    results: dict[int, IntegratedGradients] = {}
    pending = np.arange(len(prediction))
    panels = 1
    while len(pending):
        encoded = integrate(
            model,
            prediction.encoded[pending],
            prediction.lengths[pending],
            targets[pending],
            baseline,
            parameters.steps,
            panels,
        )
        steps = parameters.steps * panels
        last = 2 * steps > parameters.max_steps
        for row, values in zip(pending.tolist(), encoded, strict=True):
            completeness = _completeness(
                values, float(change[row]), parameters.tolerance
            )
            if completeness.met or last:
                base = attribution(
                    model, prediction, row, int(targets[row]),
                    values.astype(np.float32), parameters,
                    method="integrated_gradients", steps=steps,
                )  # fmt: skip
                results[row] = IntegratedGradients(
                    **vars(base), completeness=completeness
                )
        pending = np.array([r for r in pending.tolist() if r not in results], dtype=int)
        panels *= 2
    return [results[row] for row in range(len(prediction))]


def integrate(
    model: Model,
    encoded: Encoded,
    lengths: Indexes,
    targets: Indexes,
    baseline: Encoded,
    steps: int,
    panels: int = 1,
) -> list[Floats]:
    """Return the attributions of each row by Gauss-Legendre quadrature.

    Parameters
    ----------
    encoded : [n, *shape]. lengths, targets : [n]. baseline : one row's shape.

    Returns
    -------
    n arrays of one row's shape, float64. Each is summed by itself, so that an answer
    does not depend on the batch it came in.
    """
    alphas, weights = _quadrature(steps, panels)
    copies = len(alphas)
    per_step = (-1, *(1,) * (encoded.ndim - 1))
    alphas, weights = alphas.reshape(per_step), weights.reshape(per_step)
    attributions: list[Floats] = []
    for chunk in row_chunks(encoded, copies):
        difference = encoded[chunk] - baseline
        path = baseline + alphas * difference[:, None]  # [rows, copies, *shape]
        _, gradients = model.gradient(
            path.reshape(-1, *encoded.shape[1:]),
            targets[chunk].repeat(copies),
            lengths[chunk].repeat(copies),
        )
        for row, along_path in zip(
            difference, gradients.reshape(path.shape), strict=True
        ):
            mean = (weights * along_path).sum(axis=0)  # float64
            attributions.append(row.astype(np.float64) * mean)
    return attributions


@lru_cache(maxsize=256)
def _quadrature(steps: int, panels: int) -> tuple[NDArray[np.float32], Floats]:
    """Nodes (float32) and weights on [0, 1]: ``panels`` equal parts of ``steps`` each.

    Doubling halves the panels and not the rule: finding the nodes of one rule takes
    time of the cube of its size (1 ms for 50, a second for 500).
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    starts = np.arange(panels)[:, None] / panels
    alphas = starts + (nodes + 1) / (2 * panels)
    return alphas.ravel().astype(np.float32), np.tile(weights / (2 * panels), panels)


def _baseline(model: Model, name: Baseline, encoded: Encoded) -> Encoded:
    value = model.mean if name == "training_mean" else np.zeros_like(model.mean)
    return np.broadcast_to(value, encoded.shape[1:])


def _logit_change(
    model: Model, prediction: Prediction, baseline: Encoded, targets: Indexes
) -> Floats:
    """logit[target](input) - logit[target](baseline), [n] float64."""
    rows = np.arange(len(prediction))
    starts = np.broadcast_to(baseline, prediction.encoded.shape)
    if model.manifest.family != "sequence":  # the baseline of a sequence has a length
        starts = starts[:1]
    start, _ = model.gradient(
        np.ascontiguousarray(starts),
        targets[: len(starts)],
        prediction.lengths[: len(starts)],
    )
    before = np.broadcast_to(start, prediction.logits.shape)[rows, targets]
    change: Floats = prediction.logits[rows, targets].astype(np.float64) - before
    return change


def _completeness(values: Floats, change: float, tolerance: float) -> Completeness:
    absolute = abs(float(values.sum()) - change)
    if abs(change) < NEGLIGIBLE:
        return Completeness(absolute, None, absolute < NEGLIGIBLE)
    relative = absolute / abs(change)
    return Completeness(absolute, relative, relative <= tolerance)


def _most_rows(model: Model, parameters: IntegratedGradientsParameters) -> int:
    """All the doublings together: steps + 2 steps + ... <= 2 * the last."""
    return 2 * max(parameters.steps, parameters.max_steps)


METHOD = Explainer(
    name="integrated_gradients",
    summary="Shares the change of the class's logit from a baseline among the inputs; "
    "the attributions add up to it (see `completeness`). The baseline is a choice, and "
    "the answer depends on it.",
    source="Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, "
    "sections 3 and 5",
    cost="moderate",
    requires=("gradient",),
    parameters=IntegratedGradientsParameters,
    result=IntegratedGradients,
    explain=explain,
    rows=_most_rows,
)
