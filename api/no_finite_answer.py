"""Whose fault it is when there is no finite answer: the client's or the model's."""

import contextlib
from collections.abc import Iterator, Sequence

from api.explanation_requests import ExplanationRequest
from explainers.arrays import Inputs
from explainers.errors import InstanceError, NonFiniteError, ParameterError
from explainers.manifest import InputFeature
from explainers.model import Model


@contextlib.contextmanager
def extreme_inputs_named(model: Model, inputs: Inputs) -> Iterator[None]:
    """Name the most extreme value, where one lies outside the training range.

    A value of 1e38 overflows any network: that is the client's fault. When every value
    is within the training range the model is to blame, and the error passes on.
    """
    try:
        yield
    except NonFiniteError as error:
        found = _most_extreme(model, inputs) if inputs.ndim == 2 else None
        if found is None:
            raise
        row, feature, value = found
        raise InstanceError(
            f"$.instances[{row}][{feature.name!r}]",
            f"{value:g} is outside the training range, and there is no finite answer "
            f"for this instance ({error})",
            f"values from {feature.minimum:g} to {feature.maximum:g} were seen in "
            "training",
        ) from error


@contextlib.contextmanager
def unusual_parameters_named(requests: Sequence[ExplanationRequest]) -> Iterator[None]:
    """Name the explanation that was asked for with other parameters than the defaults.

    A kernel of width 1e-300 leaves nothing to weigh: that is the client's fault too.
    With the defaults the method is to blame, and the error passes on.
    """
    try:
        yield
    except NonFiniteError as error:
        for request in requests:
            if request.parameters != type(request.parameters)():
                raise ParameterError(
                    request.path,
                    f"{request.method.name} has no finite answer with these parameters "
                    f"({error})",
                    "the defaults",
                ) from error
        raise


def _most_extreme(
    model: Model, inputs: Inputs
) -> tuple[int, InputFeature, float] | None:
    """Return row, feature and value of what lies farthest out, in training ranges."""
    features = model.manifest.input.features
    farthest, found = 0.0, None
    for row, values in enumerate(inputs.tolist()):
        for feature, value in zip(features, values, strict=True):
            distance = _distance(feature, value)
            if distance > farthest:
                farthest, found = distance, (row, feature, value)
    return found


def _distance(feature: InputFeature, value: float) -> float:
    low, high = feature.minimum, feature.maximum
    if low is None or high is None or not (value < low or value > high):
        return 0.0
    return max(low - value, value - high) / max(high - low, 1e-9)
