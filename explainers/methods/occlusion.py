"""occlusion: how much a class's logit falls when a part of the input is taken away."""

import math
from itertools import product
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs
from explainers.errors import ParameterError
from explainers.hiding import forward_hidden, usual_input
from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    attribution,
    resolve_targets,
)
from explainers.model import Model, Prediction

WINDOWS = 8
"""Windows along a sequence, and patches along a picture's shorter side, by default."""

Window = tuple[slice, ...]
"""The part of one input that is taken away at a time."""


class OcclusionParameters(AttributionParameters, frozen=True):
    """Size and distance of the windows that slide over a sequence or a picture."""

    window: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)] | None,
        Meta(
            description="steps of one channel of a sequence, or pixels a side of a "
            "picture, that are taken away together; null is an eighth. Of a table, one "
            "input at a time"
        ),
    ] = None
    stride: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)] | None,
        Meta(description="from one window to the next, up to `window`; null is that"),
    ] = None

    def __post_init__(self) -> None:
        if self.stride is not None and self.stride > (self.window or 0):
            given = "none is given" if self.window is None else f"it is {self.window}"
            raise ValueError(f"stride needs a window at least as large; {given}")


def explain(
    model: Model, prediction: Prediction, parameters: OcclusionParameters
) -> list[Attribution]:
    """Return logit[target](input) - logit[target](input without it), by window.

    "Without" puts the training mean for a number (of a sequence or picture: of its
    channel) and the most frequent value of the background sample for a category. A
    value in several windows gets the mean of their effects.

    Raises
    ------
    ParameterError
        A window for a table.
    """
    if parameters.window is not None and model.manifest.family == "tabular":
        raise ParameterError(
            "$.window",
            f"{parameters.window}: windows are for sequences and pictures",
            "of a table one input at a time is taken away; leave it out",
        )
    targets = resolve_targets(model, prediction, parameters.target)
    return [
        _explain_row(model, prediction, row, target, parameters)
        for row, target in enumerate(targets.tolist())
    ]


def _explain_row(
    model: Model,
    prediction: Prediction,
    row: int,
    target: int,
    parameters: OcclusionParameters,
) -> Attribution:
    x = prediction.inputs[row]
    if model.manifest.family == "sequence":
        x = x[: int(prediction.lengths[row])]
    window, stride = _sizes(model, x.shape, parameters)
    windows = sliding_windows(model, x.shape, window, stride)
    after = _logits_without(model, x, windows)[:, target]
    drops = prediction.logits[row, target] - after
    return attribution(
        model, prediction, row, target, None, parameters,
        method="occlusion",
        attributions=mean_effect(x.shape, windows, drops).astype(np.float32),
        replacement="training_mean_or_mode",
        window=window, stride=stride,
    )  # fmt: skip


def _logits_without(
    model: Model, x: Inputs, windows: list[Window]
) -> NDArray[np.float32]:
    """Return the logits without each window: [n_windows, n_classes]."""

    def masks(part: slice) -> NDArray[np.bool_]:
        hidden = np.zeros((part.stop - part.start, *x.shape), dtype=bool)
        for mask, window in zip(hidden, windows[part], strict=True):
            mask[window] = True
        return hidden

    usual = usual_input(model, x.shape)
    return forward_hidden(model, x, masks, len(windows), usual)[0]


def sliding_windows(
    model: Model, shape: tuple[int, ...], window: int, stride: int
) -> list[Window]:
    """Return the parts of an input of this shape, the last ones cut at its end.

    Of a sequence one channel at a time, of a picture all channels together.
    """
    if model.manifest.family == "image":
        rows, columns = (_spans(size, window, stride) for size in shape[1:])
        return [(slice(None), *place) for place in product(rows, columns)]
    ones = [slice(i, i + 1) for i in range(shape[-1])]
    if model.manifest.family == "tabular":
        return [(one,) for one in ones]
    return list(product(_spans(shape[0], window, stride), ones))


def _spans(size: int, window: int, stride: int) -> list[slice]:
    count = math.ceil(max(0, size - window) / stride) + 1
    return [slice(i * stride, i * stride + window) for i in range(count)]


def mean_effect(
    shape: tuple[int, ...], windows: list[Window], effects: NDArray[np.float32]
) -> Floats:
    """Give each value the mean effect of the windows that it lies in: [*shape]."""
    total, count = np.zeros(shape), np.zeros(shape)
    for window, effect in zip(windows, effects.tolist(), strict=True):
        total[window] += effect
        count[window] += 1
    return total / count


def _sizes(
    model: Model, shape: tuple[int, ...], parameters: OcclusionParameters
) -> tuple[int, int]:
    """Return window and stride for an input of this shape."""
    if model.manifest.family == "tabular":
        return 1, 1
    side = min(shape[1:]) if model.manifest.family == "image" else shape[0]
    window = parameters.window or math.ceil(side / WINDOWS)
    return window, parameters.stride or window


def _rows(model: Model, parameters: OcclusionParameters) -> int:
    """Return the most windows that an input of this model has."""
    shape = model.manifest.input.shape
    window, stride = _sizes(model, shape, parameters)
    if model.manifest.family == "image":
        return math.prod(len(_spans(size, window, stride)) for size in shape[1:])
    if model.manifest.family == "tabular":
        return shape[0]
    if parameters.window is None:  # by the row's length: a shorter one may have more
        return WINDOWS * shape[1]
    return len(_spans(shape[0], window, stride)) * shape[1]


METHOD = Explainer(
    name="occlusion",
    summary="How much the class's logit falls when an input, a window of a sequence or "
    "a patch of a picture takes its usual value. Needs no gradient; blind to inputs "
    "that can stand in for one another.",
    source="Zeiler and Fergus 2014, Visualizing and Understanding Convolutional "
    "Networks, section 4.2",
    cost="moderate",
    requires=(),
    parameters=OcclusionParameters,
    result=Attribution,
    explain=explain,
    rows=_rows,
)
