"""From instances to the bodies of ``:predict`` and ``:explain``. Knows no HTTP."""

from dataclasses import dataclass
from typing import Any

from api.encoding import encode
from api.explaining import CachePolicy, Explained, ExplanationService
from api.explanation_requests import read_requests
from api.limits import check_price
from api.no_finite_answer import extreme_inputs_named, unusual_parameters_named
from api.pictures import read_any_instances
from api.schemas import (
    ExplainReply,
    ExplainRequest,
    PredictionReply,
    PredictReply,
    PredictRequest,
)
from api.served_model import ServedModel
from api.training_range import Unusual, find_unusual, sent_in
from explainers.arrays import Indexes, Inputs
from explainers.model import Model, Prediction


@dataclass(frozen=True)
class Answer:
    """A JSON body, the prediction behind it, what was unusual about the inputs, and how
    the cache took part.
    """

    body: bytes
    prediction: Prediction
    unusual: Unusual
    explained: Explained | None = None


def answer_predict(served: ServedModel, request: PredictRequest[Any]) -> Answer:
    """Answer ``:predict``."""
    model = served.model
    inputs, lengths = read_any_instances(model.manifest, request.instances)
    unusual = _find_unusual(model, request, inputs, lengths)
    with extreme_inputs_named(model, inputs, lengths):
        prediction = model.predict(inputs, lengths)
        predictions = _predictions(model, prediction)
        reply = PredictReply(predictions, served.reference, unusual.warnings)
        return Answer(encode(reply), prediction, unusual)


def answer_explain(
    served: ServedModel,
    request: ExplainRequest[Any],
    explanations: ExplanationService,
    policy: CachePolicy,
) -> Answer:
    """Answer ``:explain``: checks everything, its price included, before any work."""
    model = served.model
    asked = read_requests(model, request.explanations, request.seed)
    inputs, lengths = read_any_instances(model.manifest, request.instances)
    check_price(model, asked, inputs)
    unusual = _find_unusual(model, request, inputs, lengths)
    with extreme_inputs_named(model, inputs, lengths):
        prediction = model.predict(inputs, lengths)
    with unusual_parameters_named(asked), extreme_inputs_named(model, inputs, lengths):
        explained = explanations.explain(model, prediction, asked, policy)
        reply = ExplainReply(
            _predictions(model, prediction),
            explained.explanations,
            served.reference,
            unusual.warnings,
        )
        return Answer(encode(reply), prediction, unusual, explained)


def _find_unusual(
    model: Model,
    request: PredictRequest[Any] | ExplainRequest[Any],
    inputs: Inputs,
    lengths: Indexes | None,
) -> Unusual:
    sent = sent_in(request.instances, model)
    return find_unusual(model, inputs, lengths, sent, "$.instances")


def _predictions(model: Model, prediction: Prediction) -> list[PredictionReply]:
    classes = model.classes
    return [
        PredictionReply(classes[label], probabilities)
        for label, probabilities in zip(
            prediction.labels.tolist(), prediction.probabilities, strict=True
        )
    ]
