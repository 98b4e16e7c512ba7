"""lime: a weighted linear model of the network around one input."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs
from explainers.errors import ParameterError
from explainers.methods.base import (
    AttributionParameters,
    Explainer,
    described,
    resolve_targets,
)
from explainers.methods.lime.parts import WIDTH, PartsNeighbourhood, draw_kept
from explainers.methods.lime.segments import (
    Segmentation,
    Segments,
    grid_segments,
    slic_segments,
    time_segments,
)
from explainers.methods.lime.surrogate import (
    Neighbourhood,
    Surrogate,
    fit_surrogate,
    mean_jaccard,
    r2,
    sum_moments,
)
from explainers.methods.lime.tables import table_neighbourhood, table_width
from explainers.model import Model, Prediction

HELD_OUT = 10
"""One fresh sample in so many measures the surrogate on samples that it did not fit."""

MOST_SEGMENTS = 64
SMALLEST_SEGMENT = 4
"""By default a picture has a segment every so many pixels, up to the most."""

TIME_SEGMENTS = 8
"""Spans along a sequence, by default; each channel has its own."""

ONLY_FOR = {
    "discretize": ("tabular",),
    "segmentation": ("image",),
    "segments": ("sequence", "image"),
}
"""Parameters that mean nothing for the other families."""


class LimeParameters(AttributionParameters, frozen=True):
    """Size of the neighbourhood, its width, and the surrogate's features."""

    samples: Annotated[
        int, Meta(ge=50, le=10_000, description="perturbed copies that the fit sees")
    ] = 1000
    discretize: Annotated[
        bool,
        Meta(
            description="tables: numbers as 'in the same quartile' instead of their "
            "value"
        ),
    ] = False
    segmentation: Annotated[
        Segmentation,
        Meta(description="pictures: rectangles, or segments of similar colour"),
    ] = "grid"
    segments: Annotated[
        Annotated[int, Meta(ge=2, le=400)] | None,
        Meta(
            description="about how many segments a picture has, or how many spans each "
            "channel of a sequence; null is one for 4 pixels, 64 at most, or 8 spans"
        ),
    ] = None
    width: Annotated[
        Annotated[float, Meta(ge=0.001, le=100)] | None,
        Meta(description="kernel width; null is 0.75 sqrt(n_inputs) for tables, 0.25"),
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

    ``attributions`` has the shape of the input. Of a table it is the surrogate's weight
    of each feature: probability per training standard deviation for a number, per "same
    value as here" for a category or a quartile. Of a sequence or a picture it is, at
    each value, the weight of its segment: how much the probability rises when the
    segment is there. ``segments`` numbers the segments ([steps, n_channels] or [height,
    width]; null for tables). ``r2`` is on the samples it fitted, ``held_out_r2`` on
    fresh ones (both null where the probability does not vary); ``local_prediction_gap``
    is the distance between the surrogate's answer here and the network's. ``stability``
    is the mean Jaccard overlap of the ``top`` features between repeats (null for one
    repeat).
    """

    method: str
    target: str
    attributions: NDArray[np.float64]
    segments: Segments | None
    intercept: float
    r2: float | None
    held_out_r2: float | None
    local_prediction: float
    local_prediction_gap: float
    stability: float | None
    parameters: dict[str, Any]
    seed: int


def explain(
    model: Model, prediction: Prediction, parameters: LimeParameters
) -> list[Lime]:
    """Fit one local surrogate a row; the samples depend on the seed alone.

    Raises
    ------
    ParameterError
        A parameter is for another family.
    """
    _check(model, parameters)
    targets = resolve_targets(model, prediction, parameters.target)
    return [
        _explain_row(model, prediction, row, int(target), parameters)
        for row, target in enumerate(targets)
    ]


def _check(model: Model, parameters: LimeParameters) -> None:
    defaults = LimeParameters()
    for name, families in ONLY_FOR.items():
        changed = getattr(parameters, name) != getattr(defaults, name)
        if changed and model.manifest.family not in families:
            raise ParameterError(
                f"$.{name}",
                f"is for {' and '.join(families)} inputs",
                f"this model's are {model.manifest.family}; leave it out",
            )


def _explain_row(
    model: Model,
    prediction: Prediction,
    row: int,
    target: int,
    parameters: LimeParameters,
) -> Lime:
    x = prediction.inputs[row]
    if model.manifest.family == "sequence":
        x = x[: int(prediction.lengths[row])]
    segments = divide(model, x, parameters)
    here = float(prediction.probabilities[row, target])
    n = parameters.samples
    fits: list[Surrogate] = []
    for repeat in reversed(range(parameters.repeats)):
        near = neighbourhood(model, x, segments, parameters, parameters.seed + repeat)
        moments = sum_moments(near, slice(0, n), target, here)
        fits.append(fit_surrogate(moments, here))
    fit = fits[-1]  # the seed that was asked for
    fresh = sum_moments(near, slice(n, n + n // HELD_OUT), target, here)
    return Lime(
        method="lime",
        target=model.classes[target],
        attributions=_spread(fit.coefficients, segments, x.shape),
        segments=segments,
        intercept=fit.local - float(near.origin @ fit.coefficients),
        r2=r2(fit, moments, here),
        held_out_r2=r2(fit, fresh, here),
        local_prediction=fit.local,
        local_prediction_gap=abs(fit.local - here),
        stability=mean_jaccard(fits, parameters.top),
        parameters=described(parameters, width=kernel_width(model, parameters)),
        seed=parameters.seed,
    )


def kernel_width(model: Model, parameters: LimeParameters) -> float:
    """Return the kernel width: the reference implementation's unless asked for."""
    if parameters.width is not None:
        return parameters.width
    tabular = model.manifest.family == "tabular"
    return table_width(len(model.manifest.input.features)) if tabular else WIDTH


def divide(model: Model, x: Inputs, parameters: LimeParameters) -> Segments | None:
    """Return the segments of one input, without padding; None for a table's row."""
    if model.manifest.family == "tabular":
        return None
    if model.manifest.family == "sequence":
        length, channels = x.shape
        return time_segments(length, channels, parameters.segments or TIME_SEGMENTS)
    _, height, width = x.shape
    usual = min(MOST_SEGMENTS, max(2, height * width // SMALLEST_SEGMENT))
    count = parameters.segments or usual
    if parameters.segmentation == "slic":
        return slic_segments(x, count)
    return grid_segments(height, width, count)


def neighbourhood(
    model: Model,
    x: Inputs,
    segments: Segments | None,
    parameters: LimeParameters,
    seed: int,
) -> Neighbourhood:
    """Draw what the fit sees and, after it, what it is measured on."""
    n = parameters.samples + parameters.samples // HELD_OUT
    width = kernel_width(model, parameters)
    if segments is None:
        return table_neighbourhood(model, x, parameters.discretize, width, seed, n)
    replacement = model.mean
    if model.manifest.family == "image":
        replacement = _segment_means(x, segments)
    kept = draw_kept(segments, seed, n)
    each = np.broadcast_to(segments, x.shape)
    return PartsNeighbourhood(model, x, each, replacement, kept, width)


def _segment_means(x: Inputs, segments: Segments) -> Inputs:
    """Return a picture with each segment in its mean colour, as the reference does."""
    flat = segments.ravel()
    counts = np.bincount(flat)
    means = [np.bincount(flat, weights=channel.ravel()) / counts for channel in x]
    return np.stack(means).astype(np.float32)[:, segments]


def _spread(
    coefficients: Floats, segments: Segments | None, shape: tuple[int, ...]
) -> Floats:
    """Give each value of an input the coefficient of its segment: [*shape]."""
    if segments is None:
        return coefficients
    return np.ascontiguousarray(np.broadcast_to(coefficients[segments], shape))


def _rows(model: Model, parameters: LimeParameters) -> int:
    return parameters.repeats * (parameters.samples + parameters.samples // HELD_OUT)


METHOD = Explainer(
    name="lime",
    summary="A linear model of the class's probability, fitted to perturbed copies of "
    "the input. Trust it as far as `held_out_r2` and `local_prediction_gap` allow.",
    source="Ribeiro et al. 2016, Why Should I Trust You?, section 3",
    cost="expensive",
    requires=(),
    parameters=LimeParameters,
    result=Lime,
    explain=explain,
    rows=_rows,
)
