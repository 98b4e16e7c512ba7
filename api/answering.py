"""From instances to the bodies of ``:predict`` and ``:explain``. Knows no HTTP."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.encoding import encode
from api.explaining import CachePolicy, Explained, ExplanationService
from api.explanation_requests import ExplanationRequest, read_requests
from api.limits import check_price
from api.schemas import (
    ExplainReply,
    ExplainRequest,
    PredictionReply,
    PredictReply,
    PredictRequest,
)
from api.served_model import ServedModel
from explainers.arrays import Inputs
from explainers.errors import InstanceError, NonFiniteError
from explainers.instances import encode_instances
from explainers.model import Model, Prediction


@dataclass(frozen=True)
class Answer:
    """A JSON body, the prediction behind it, and how the cache took part."""

    body: bytes
    prediction: Prediction
    explained: Explained | None = None


def answer_predict(served: ServedModel, request: PredictRequest[Any]) -> Answer:
    """Answer ``:predict``."""
    inputs = encode_instances(served.model.manifest.input, request.instances)
    with _extreme_inputs_named(served.model, inputs):
        prediction = served.model.predict(inputs)
        reply = PredictReply(_predictions(served.model, prediction), served.reference)
        return Answer(encode(reply), prediction)


def answer_explain(
    served: ServedModel,
    request: ExplainRequest[Any],
    explanations: ExplanationService,
    policy: CachePolicy,
) -> Answer:
    """Answer ``:explain``: checks everything, its price included, before any work."""
    model = served.model
    asked = read_requests(model, request.explanations, request.seed)
    inputs = encode_instances(model.manifest.input, request.instances)
    check_price(model, asked, len(inputs))
    with _extreme_inputs_named(model, inputs):
        return _explain(served, inputs, asked, explanations, policy)


def _explain(
    served: ServedModel,
    inputs: Inputs,
    asked: list[ExplanationRequest],
    explanations: ExplanationService,
    policy: CachePolicy,
) -> Answer:
    model = served.model
    prediction = model.predict(inputs)
    explained = explanations.explain(model, prediction, asked, policy)
    reply = ExplainReply(
        _predictions(model, prediction), explained.explanations, served.reference
    )
    return Answer(encode(reply), prediction, explained)


def _predictions(model: Model, prediction: Prediction) -> list[PredictionReply]:
    classes = model.classes
    return [
        PredictionReply(classes[label], probabilities)
        for label, probabilities in zip(
            prediction.labels.tolist(), prediction.probabilities, strict=True
        )
    ]


@contextlib.contextmanager
def _extreme_inputs_named(model: Model, inputs: Inputs) -> Iterator[None]:
    """Tell the client's fault from the model's where there is no finite answer.

    A value of 1e38 overflows any network: the client hears which one it was. Within the
    training range the model is to blame, and the error passes on.
    """
    try:
        yield
    except NonFiniteError as error:
        for row, values in enumerate(inputs.tolist()):
            for feature, value in zip(
                model.manifest.input.features, values, strict=True
            ):
                low, high = feature.minimum, feature.maximum
                if low is None or high is None or not (value < low or value > high):
                    continue
                raise InstanceError(
                    f"$.instances[{row}][{feature.name!r}]",
                    f"{value:g} is outside the training range, and there is no finite "
                    f"answer for this instance ({error})",
                    f"values from {low:g} to {high:g} were seen in training",
                ) from error
        raise
