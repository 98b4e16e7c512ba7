"""Whose fault it is when there is no finite answer: the client's or the model's."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from api.explanation_requests import ExplanationRequest
from explainers.arrays import Floats, Indexes, Inputs
from explainers.errors import InstanceError, NonFiniteError, ParameterError
from explainers.manifest import InputFeature
from explainers.model import Model


@contextlib.contextmanager
def extreme_inputs_named(
    model: Model, inputs: Inputs, lengths: Indexes | None
) -> Iterator[None]:
    """Name the most extreme value, where one lies outside the training range.

    A value of 1e38 overflows any network: that is the client's fault. When every value
    is within the training range the model is to blame, and the error passes on.

    Parameters
    ----------
    inputs, lengths : as ``read_instances`` returns.
    """
    try:
        yield
    except NonFiniteError as error:
        values = inputs
        if model.manifest.family == "image":  # as a client nests a picture
            values = np.moveaxis(inputs, 1, -1)
        distances = _distances(model, values, lengths)
        at = np.unravel_index(distances.argmax(), distances.shape)
        if distances[at] == 0:
            raise
        feature = model.manifest.input.features[int(at[-1])]
        raise InstanceError(
            _path(model, [int(i) for i in at], feature),
            f"{values[at]:g} for {feature.name!r} is outside the training range, and "
            f"there is no finite answer for this instance ({error})",
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


def _distances(model: Model, values: Inputs, lengths: Indexes | None) -> Floats:
    """Return how far outside the training range each value lies, in such ranges.

    Parameters
    ----------
    values : [n, ..., n_features]. lengths : [n], the steps of sequences.

    Returns
    -------
    The shape of ``values``; 0 inside the range, for categories, missing values and
    padding.
    """
    features = model.manifest.input.features
    known = [f for f in features if f.minimum is not None and f.maximum is not None]
    low = np.array([f.minimum if f in known else -np.inf for f in features])
    high = np.array([f.maximum if f in known else np.inf for f in features])
    outside = np.maximum(low - values, values - high) / np.maximum(high - low, 1e-9)
    distances: Floats = np.where(outside > 0, outside, 0.0)
    if lengths is not None:
        distances[np.arange(values.shape[1]) >= lengths[:, None]] = 0
    return distances


def _path(model: Model, at: list[int], feature: InputFeature) -> str:
    """Return the JSONPath of one value: of an instance, of its steps or its pixels."""
    if model.manifest.family == "tabular":
        return f"$.instances[{at[0]}][{feature.name!r}]"
    if model.manifest.family == "image" and len(model.manifest.input.features) == 1:
        at = at[:-1]
    return "$.instances" + "".join(f"[{i}]" for i in at)
