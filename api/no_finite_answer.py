"""Whose fault it is when there is no finite answer: the client's or the model's."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from api.explanation_requests import ExplanationRequest
from api.training_range import distances, nested, path_of
from explainers.arrays import Indexes, Inputs
from explainers.errors import InstanceError, NonFiniteError, ParameterError
from explainers.model import Model


@contextlib.contextmanager
def extreme_inputs_named(
    model: Model, inputs: Inputs, lengths: Indexes | None, root: str
) -> Iterator[None]:
    """Name the most extreme value, where one lies outside the training range.

    A value of 1e38 overflows any network: that is the client's fault. When every value
    is within the training range the model is to blame, and the error passes on.

    Parameters
    ----------
    inputs, lengths : as ``read_instances`` returns.
    root : what paths begin with: ``$.instances``.
    """
    try:
        yield
    except NonFiniteError as error:
        values = nested(model, inputs)
        found = distances(model, values, lengths)
        at = np.unravel_index(found.argmax(), found.shape)
        if found[at] == 0:
            raise
        feature = model.manifest.input.features[int(at[-1])]
        raise InstanceError(
            path_of(model, [int(i) for i in at], root),
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
