"""V2 inference: from the bytes of a request to those of its reply. Knows no HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from api.encoding import encode
from api.explaining import CachePolicy, Explained, ExplanationService
from api.limits import check_price, price
from api.no_finite_answer import extreme_inputs_named, unusual_parameters_named
from api.protocols.input_tensors import read_tensors
from api.protocols.messages import InferRequest, decode_message
from api.protocols.model_inputs import INPUT, read_inputs, sent_as
from api.protocols.output_tensors import OutputTensor, WireReply, encode_reply
from api.protocols.outputs import (
    PREDICTION_OUTPUTS,
    Wanted,
    numbers_of,
    offered,
    read_outputs,
)
from api.served_model import ServedModel
from api.spending import charge
from api.training_range import Unusual, find_unusual
from explainers.methods.base import Explainer
from explainers.model import Model, Prediction

ALWAYS_EXPLAINED = "tree_path"
"""What ``explain`` adds to the prediction when no outputs are asked for."""


@dataclass(frozen=True)
class Inferred:
    """The reply, the prediction behind it, what was unusual about the inputs, and how
    the cache took part.
    """

    reply: WireReply
    prediction: Prediction
    unusual: Unusual
    explained: Explained | None


def infer(
    served: ServedModel,
    raw: bytes,
    json_bytes: int | None,
    explanations: ExplanationService,
    policy: CachePolicy,
    *,
    explain: bool = False,
) -> Inferred:
    """Answer ``infer``, or ``explain``: the same with the tree's path by default.

    Checks everything, the price of explanations included, before any work.

    Parameters
    ----------
    raw, json_bytes : body, and the length of its JSON (see ``decode_message``).
    """
    model = served.model
    request, tensors = decode_message(raw, json_bytes)
    default = offered(model) + ([ALWAYS_EXPLAINED] if explain else [])
    wanted = read_outputs(model, request, default)
    found = read_tensors(request, tensors)
    inputs, lengths = read_inputs(model, found)
    unusual = find_unusual(model, inputs, lengths, sent_as(model, found), INPUT)
    asked = [one.explanation for one in wanted if one.explanation is not None]
    check_price(model, asked, inputs)
    charge(len(inputs) + price(model, asked, len(inputs)))
    with extreme_inputs_named(model, inputs, lengths, INPUT):
        prediction = model.predict(inputs, lengths)
    with (
        unusual_parameters_named(asked),
        extreme_inputs_named(model, inputs, lengths, INPUT),
    ):
        explained = (
            explanations.explain(model, prediction, asked, policy) if asked else None
        )
        outputs = [_tensor(model, prediction, explained, one) for one in wanted]
        reply = encode_reply(_head(served, request, unusual), outputs)
    return Inferred(reply, prediction, unusual, explained)


def _head(
    served: ServedModel, request: InferRequest, unusual: Unusual
) -> dict[str, Any]:
    reference = served.reference
    head: dict[str, Any] = {
        "model_name": reference.name,
        "model_version": reference.version,
    }
    if request.id is not None:
        head["id"] = request.id
    head["parameters"] = {"digest": reference.digest}
    if unusual.warnings:  # parameters are no lists: JSON within JSON
        head["parameters"]["warnings"] = encode(unusual.warnings).decode()
    return head


def _tensor(
    model: Model, prediction: Prediction, explained: Explained | None, wanted: Wanted
) -> OutputTensor:
    if explained is None or wanted.explanation is None:
        values = PREDICTION_OUTPUTS[wanted.name].read(model, prediction)
        return OutputTensor(wanted.name, values, wanted.binary)
    column = [row[wanted.column] for row in explained.explanations]
    method = wanted.explanation.method.name
    return OutputTensor(
        wanted.name,
        _numbers(wanted.explanation.method, column, prediction)
        if wanted.as_numbers
        else _texts(column),
        wanted.binary,
        {"method": method} if method != wanted.name else None,
    )


def _texts(column: Sequence[Any]) -> list[str]:
    return [encode(explanation).decode() for explanation in column]


def _numbers(
    method: Explainer, column: Sequence[Any], prediction: Prediction
) -> NDArray[np.float32]:
    """Return the attributions or maps of all rows: [n, *shape] float32.

    Sequences are filled with zeros after their length, as their inputs are.
    """
    name = numbers_of(method) or ""
    rows = [_numbers_of_row(explanation, name) for explanation in column]
    longest: tuple[int, ...] = max(row.shape for row in rows)
    if any(row.shape != longest for row in rows):
        longest = prediction.inputs.shape[1:]
    values = np.zeros((len(rows), *longest), dtype=np.float32)
    for i, row in enumerate(rows):
        values[i][tuple(slice(size) for size in row.shape)] = row
    return values


def _numbers_of_row(explanation: Any, name: str) -> NDArray[np.float32]:
    if isinstance(explanation, orjson.Fragment):  # encoded already, for the cache
        found = orjson.loads(orjson.dumps(explanation))[name]
        # The shortest decimal of a float32 reads back as that float32.
        return np.array(found, dtype=np.float32)
    return np.asarray(getattr(explanation, name), dtype=np.float32)
