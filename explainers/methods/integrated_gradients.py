"""integrated_gradients: the logit's change from a baseline, shared among the inputs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Encoded, Floats, Indexes
from explainers.errors import InstanceError, ParameterError
from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    attribution,
    copy_chunks,
    resolve_targets,
    row_chunks,
)
from explainers.model import Model, Prediction
from explainers.reading import read_instances

Named = Literal["training_mean", "zero", "background"]
Baseline = Named | list[Any] | dict[str, Any]


class IntegratedGradientsParameters(AttributionParameters, frozen=True):
    """Baseline, quadrature steps, and when the sum counts as complete."""

    baseline: Annotated[
        Baseline,
        Meta(
            description="where the path from baseline to input starts: a name, or an "
            "instance as in `instances`. `background` averages over `references` rows"
        ),
    ] = "training_mean"
    references: Annotated[
        int,
        Meta(ge=1, le=100, description="rows of the background sample to average over"),
    ] = 10
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
    whether it is within the tolerance. Of several references, the mean of their logits
    stands for the baseline's.
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

    Raises
    ------
    ParameterError
        The baseline is an instance that does not fit the model.
    """
    targets = resolve_targets(model, prediction, parameters.target)
    starts = _starts(model, prediction, parameters)
    change = np.array(
        [
            float(logits[target]) - float(start.logits[target])
            for logits, start, target in zip(
                prediction.logits, starts, targets.tolist(), strict=True
            )
        ]
    )
    used = _described_references(parameters, starts)
    results: dict[int, IntegratedGradients] = {}
    pending = np.arange(len(prediction))
    panels = 1
    while len(pending):
        encoded = integrate(
            model,
            prediction.encoded[pending],
            prediction.lengths[pending],
            targets[pending],
            [starts[row].references for row in pending.tolist()],
            parameters.steps,
            panels,
        )
        steps = parameters.steps * panels
        last = 2 * steps > parameters.max_steps
        for row, values in zip(pending.tolist(), encoded, strict=True):
            if model.manifest.family == "sequence":  # padding would change rounding
                values = values[: int(prediction.lengths[row])]
            completeness = _completeness(
                values, float(change[row]), parameters.tolerance
            )
            if completeness.met or last:
                base = attribution(
                    model, prediction, row, int(targets[row]),
                    values.astype(np.float32), parameters,
                    method="integrated_gradients", steps=steps, **used,
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
    references: list[Encoded],
    steps: int,
    panels: int = 1,
) -> Floats:
    """Return the attributions of each row by Gauss-Legendre quadrature.

    Parameters
    ----------
    encoded : [n, *shape]. lengths, targets : [n].
    references : for each row [k, *shape]: where the k paths start.

    Returns
    -------
    [n, *shape] float64, the mean over the references. Each row is summed by itself, so
    that an answer does not depend on the batch it came in.
    """
    alphas, weights = _quadrature(steps, panels)
    total = np.zeros(encoded.shape)
    for start in map(np.stack, zip(*references, strict=True)):  # [n, *shape]
        difference = encoded - start
        mean = np.zeros(encoded.shape)
        for part in copy_chunks(model, len(alphas)):
            for chunk in row_chunks(encoded, part.stop - part.start):
                mean[chunk] += _weighted_gradients(
                    model, start[chunk], difference[chunk], lengths[chunk],
                    targets[chunk], alphas[part], weights[part],
                )  # fmt: skip
        total += difference.astype(np.float64) * mean
    return total / len(references[0])


def _weighted_gradients(
    model: Model,
    start: Encoded,
    difference: Encoded,
    lengths: Indexes,
    targets: Indexes,
    alphas: NDArray[np.float32],
    weights: Floats,
) -> Floats:
    """Sum weights * gradients at start + alphas * difference: [n, *shape] float64."""
    copies = len(alphas)
    per_step = (copies, *(1,) * (start.ndim - 1))
    # [n, copies, *shape]
    path = start[:, None] + alphas.reshape(per_step) * difference[:, None]
    _, gradients = model.gradient(
        path.reshape(-1, *start.shape[1:]),
        targets.repeat(copies),
        lengths.repeat(copies),
    )
    weights = weights.reshape(per_step)
    return np.stack(
        [(weights * row).sum(axis=0) for row in gradients.reshape(path.shape)]
    )


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


@dataclass(frozen=True)
class Start:
    """Where the paths to a row start: ``references`` [k, *shape] float32, and the mean
    of their ``logits`` [n_classes] float64.
    """

    references: Encoded
    logits: Floats


def _starts(
    model: Model, prediction: Prediction, parameters: IntegratedGradientsParameters
) -> list[Start]:
    """Return where each row's paths start; rows of one length share it."""
    shape = prediction.encoded.shape[1:]
    references, lengths = _references(model, parameters)
    if parameters.baseline == "training_mean" and model.manifest.family != "sequence":
        return [Start(references, model.logits_at_mean)] * len(prediction)
    starts: dict[int, Start] = {}
    for length in prediction.lengths.tolist():
        if length not in starts:
            aligned = references
            if model.manifest.family == "sequence":
                aligned = _align(model, references, lengths, shape, length)
            starts[length] = Start(aligned, _mean_logits(model, aligned, length))
    return [starts[length] for length in prediction.lengths.tolist()]


def _references(
    model: Model, parameters: IntegratedGradientsParameters
) -> tuple[Encoded, Indexes]:
    """Return the references, [k, *shape], and the steps that each has, [k]."""
    baseline = parameters.baseline
    if baseline == "background":
        rows = np.linspace(0, len(model.background) - 1, parameters.references)
        rows = np.unique(rows.round().astype(np.int64))
        prediction = model.background_prediction
        return prediction.encoded[rows], prediction.lengths[rows]
    if isinstance(baseline, str):
        shape = model.encoded_shape
        value = model.mean if baseline == "training_mean" else np.float32(0)
        return np.broadcast_to(value, (1, *shape)), np.array([shape[0]])
    return _encode(model, baseline)


def _encode(
    model: Model, instance: list[Any] | dict[str, Any]
) -> tuple[Encoded, Indexes]:
    """Read an instance as clients write it; raises ParameterError."""
    try:
        inputs, lengths = read_instances(model.manifest, [instance], "$.baseline")
    except InstanceError as error:
        path = error.path.replace("$.baseline[0]", "$.baseline", 1)
        raise ParameterError(path, error.problem, error.allowed) from error
    if model.manifest.family == "tabular":
        return model.to_tree_features(inputs), np.ones(1, dtype=np.int64)
    return inputs, np.ones(1, dtype=np.int64) if lengths is None else lengths


def _align(
    model: Model,
    references: Encoded,
    lengths: Indexes,
    shape: tuple[int, ...],
    length: int,
) -> Encoded:
    """Lay sequences beside one of ``length`` steps, by their last steps: [k, *shape].

    The answer is for the last step. Where a reference is shorter, the steps before it
    take the training mean.
    """
    aligned = np.empty((len(references), *shape), dtype=np.float32)
    aligned[:] = model.mean
    for row, reference, steps in zip(
        aligned, references, lengths.tolist(), strict=True
    ):
        common = min(steps, length)
        row[length - common : length] = reference[steps - common : steps]
    return aligned


def _mean_logits(model: Model, references: Encoded, length: int) -> Floats:
    rows = len(references)
    logits, _ = model.gradient(
        np.ascontiguousarray(references),
        np.zeros(rows, dtype=np.int64),  # the logits do not depend on the target
        np.full(rows, length, dtype=np.int64),
    )
    return np.asarray(logits.mean(axis=0, dtype=np.float64))


def _described_references(
    parameters: IntegratedGradientsParameters, starts: list[Start]
) -> dict[str, Any]:
    """Return how many references were used: fewer where the bundle holds fewer."""
    return {"references": len(starts[0].references)} if starts else {}


def _completeness(values: Floats, change: float, tolerance: float) -> Completeness:
    absolute = abs(float(values.sum()) - change)
    if abs(change) < NEGLIGIBLE:
        return Completeness(absolute, None, absolute < NEGLIGIBLE)
    relative = absolute / abs(change)
    return Completeness(absolute, relative, relative <= tolerance)


def _most_rows(model: Model, parameters: IntegratedGradientsParameters) -> int:
    """All the doublings together: steps + 2 steps + ... <= 2 * the last."""
    references = parameters.references if parameters.baseline == "background" else 1
    return 2 * max(parameters.steps, parameters.max_steps) * references


METHOD = Explainer(
    name="integrated_gradients",
    summary="Shares the change of the class's logit from a baseline among the inputs; "
    "the attributions add up to it (see `completeness`). The baseline is a choice, and "
    "the answer depends on it.",
    source="Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, "
    "sections 3 and 5; several references: Erion et al. 2021, Improving performance of "
    "deep learning models with axiomatic attribution priors and expected gradients",
    cost="moderate",
    requires=("gradient",),
    parameters=IntegratedGradientsParameters,
    result=IntegratedGradients,
    explain=explain,
    rows=_most_rows,
)
