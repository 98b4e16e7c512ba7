"""Which outputs a model has: those of every prediction, and explanations on demand.

An explanation is asked for as an output named like its method, with the method's
parameters as the output's parameters. Two more parameters are ours: ``method``, which
frees the name for other uses, and ``format``: ``"tensor"`` for the numbers alone (the
default where there are any), ``"json"`` for the whole explanation, one string a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.errors import RequestError
from api.explanation_requests import (
    ExplanationRequest,
    check_exposed,
    read_request,
)
from api.limits import MAX_EXPLANATIONS
from api.problems import INVALID_REQUEST
from api.protocols.messages import InferRequest, RequestedOutput
from explainers.methods.base import Explainer
from explainers.model import Model, Prediction
from explainers.registry import EXPLAINERS

Values = NDArray[np.generic] | Sequence[str]


@dataclass(frozen=True)
class PredictionOutput:
    """An output of every prediction; ``classes`` says whether it has one value a class.

    ``of_tree`` outputs are hidden where the bundle exposes predictions only.
    """

    datatype: str
    read: Callable[[Model, Prediction], Values]
    classes: bool = False
    of_tree: bool = False


def _labels(model: Model, prediction: Prediction) -> list[str]:
    return [model.classes[label] for label in prediction.labels.tolist()]


PREDICTION_OUTPUTS: Mapping[str, PredictionOutput] = MappingProxyType(
    {
        "label": PredictionOutput("BYTES", _labels),
        "probabilities": PredictionOutput(
            "FP32", lambda model, prediction: prediction.probabilities, classes=True
        ),
        "logits": PredictionOutput(
            "FP32", lambda model, prediction: prediction.logits, classes=True
        ),
        "leaf": PredictionOutput(
            "INT64", lambda model, prediction: prediction.leaves, of_tree=True
        ),
        "agrees": PredictionOutput(
            "BOOL",
            lambda model, prediction: prediction.labels == prediction.tree_labels,
            of_tree=True,
        ),
    }
)
"""Sent when no outputs are asked for."""


MAX_OUTPUTS = len(PREDICTION_OUTPUTS) + MAX_EXPLANATIONS


@dataclass(frozen=True)
class Wanted:
    """One output to send; ``explanation`` is None for an output of the prediction.

    ``column`` is the explanation's place among those of the request.
    """

    name: str
    binary: bool
    explanation: ExplanationRequest | None = None
    as_numbers: bool = False
    column: int = 0


def offered(model: Model) -> list[str]:
    """Return the outputs of every prediction of a model."""
    hidden = model.manifest.expose == "prediction"
    return [
        name
        for name, output in PREDICTION_OUTPUTS.items()
        if not (hidden and output.of_tree)
    ]


def numbers_of(method: Explainer) -> str | None:
    """Return the field of a method's result that holds its numbers, a tensor a row:
    one for each input, or a map of positions. None where it has no such field.
    """
    names = [field.name for field in fields(method.result)]
    return next((name for name in ("attributions", "map") if name in names), None)


def read_outputs(
    model: Model, request: InferRequest, default: Sequence[str]
) -> list[Wanted]:
    """Return what to send, in the order in which it was asked for.

    Parameters
    ----------
    default : names of the outputs when the request names none.

    Raises
    ------
    RequestError
        An output is asked for twice, or is none.
    UnknownMethodError, UnsupportedMethodError, ParameterError
        As ``read_request``.
    """
    binary = _flag(request.parameters, "binary_data_output", "the request")
    asked = request.outputs or [RequestedOutput(name) for name in default]
    if len(asked) > MAX_OUTPUTS:
        raise RequestError(INVALID_REQUEST, f"at most {MAX_OUTPUTS} outputs are sent")
    wanted: list[Wanted] = []
    for output in asked:
        if any(one.name == output.name for one in wanted):
            raise _refused(output.name, "is asked for twice")
        column = sum(one.explanation is not None for one in wanted)
        wanted.append(_read(model, output, binary, column))
    if sum(one.explanation is not None for one in wanted) > MAX_EXPLANATIONS:
        raise RequestError(
            INVALID_REQUEST, f"at most {MAX_EXPLANATIONS} explanations are answered"
        )
    return wanted


def _read(model: Model, output: RequestedOutput, binary: bool, column: int) -> Wanted:
    name, parameters = output.name, dict(output.parameters or {})
    where = f"output {name!r}"
    if "binary_data" in parameters:
        binary = _flag(parameters, "binary_data", where)
        del parameters["binary_data"]
    if name in PREDICTION_OUTPUTS and "method" not in parameters:
        _check_prediction_output(model, name, parameters)
        return Wanted(name, binary)
    form = parameters.pop("format", None)
    method = parameters.pop("method", name)
    _check_known(model, name, method)
    check_exposed(model)
    explanation = read_request(model, parameters | {"method": method}, None, where)
    as_numbers = _as_numbers(name, explanation.method, form)
    return Wanted(name, binary, explanation, as_numbers, column)


def _check_prediction_output(
    model: Model, name: str, parameters: Mapping[str, Any]
) -> None:
    if name not in offered(model):
        check_exposed(model)
    if parameters:
        raise _refused(
            name, f"takes no parameters but binary_data, got {sorted(parameters)}"
        )


def _check_known(model: Model, name: str, method: object) -> None:
    if method != name or name in EXPLAINERS:
        return
    raise _refused(
        name,
        f"is none of this model; outputs are {', '.join(offered(model))}, explanations "
        f"{', '.join(EXPLAINERS)}",
    )


def _as_numbers(name: str, method: Explainer, form: object) -> bool:
    if form not in (None, "json", "tensor"):
        raise _refused(name, f"has format {form!r}; it is 'tensor' or 'json'")
    if form == "tensor" and numbers_of(method) is None:
        raise _refused(name, f"is no tensor: {method.name} answers 'json' only")
    return form != "json" and numbers_of(method) is not None


def _flag(parameters: Mapping[str, Any] | None, name: str, where: str) -> bool:
    value = (parameters or {}).get(name, False)
    if not isinstance(value, bool):
        raise RequestError(
            INVALID_REQUEST, f"{where} has {name} {value!r}; it is true or false"
        )
    return value


def _refused(name: str, problem: str) -> RequestError:
    return RequestError(INVALID_REQUEST, f"output {name!r} {problem}")
