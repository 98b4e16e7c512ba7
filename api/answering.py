"""From instances to the bodies of ``:predict`` and ``:explain``. Knows no HTTP."""

from dataclasses import dataclass
from typing import Any

from api.encoding import encode
from api.explaining import CachePolicy, Explained, ExplanationService, Watch
from api.explanation_requests import ExplanationRequest, read_requests
from api.limits import JOB_TIMES, check_price, price
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
from api.spending import charge
from api.training_range import Unusual, find_unusual, sent_in
from explainers.arrays import Indexes, Inputs
from explainers.model import Model, Prediction

INSTANCES = "$.instances"
"""What the paths of values begin with, in errors and warnings."""


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
    check_price(model, [], inputs)
    unusual = _find_unusual(model, request, inputs, lengths)
    charge(len(inputs))
    with extreme_inputs_named(model, inputs, lengths, INSTANCES):
        prediction = model.predict(inputs, lengths)
        predictions = _predictions(model, prediction)
        reply = PredictReply(predictions, served.reference, unusual.warnings)
        return Answer(encode(reply), prediction, unusual)


@dataclass(frozen=True)
class Asked:
    """A request to explain that was checked, its price included, before any work."""

    requests: list[ExplanationRequest]
    inputs: Inputs
    lengths: Indexes | None
    unusual: Unusual


def read_explain(
    served: ServedModel, request: ExplainRequest[Any], *, is_job: bool
) -> Asked:
    """Check everything about a request; a job may cost more."""
    model = served.model
    asked = read_requests(model, request.explanations, request.seed)
    inputs, lengths = read_any_instances(model.manifest, request.instances)
    check_price(model, asked, inputs, times=JOB_TIMES if is_job else 1)
    unusual = _find_unusual(model, request, inputs, lengths)
    charge(len(inputs) + price(model, asked, len(inputs)))
    return Asked(asked, inputs, lengths, unusual)


def answer_explain(
    served: ServedModel,
    request: ExplainRequest[Any],
    explanations: ExplanationService,
    policy: CachePolicy,
    watch: Watch | None = None,
) -> Answer:
    """Answer ``:explain``, or compute the job that ``watch`` is told of."""
    model = served.model
    asked = read_explain(served, request, is_job=watch is not None)
    inputs, lengths = asked.inputs, asked.lengths
    with extreme_inputs_named(model, inputs, lengths, INSTANCES):
        prediction = model.predict(inputs, lengths)
    with (
        unusual_parameters_named(asked.requests),
        extreme_inputs_named(model, inputs, lengths, INSTANCES),
    ):
        explained = explanations.explain(
            model, prediction, asked.requests, policy, watch
        )
        reply = ExplainReply(
            _predictions(model, prediction),
            explained.explanations,
            served.reference,
            asked.unusual.warnings,
        )
        return Answer(encode(reply), prediction, asked.unusual, explained)


def _find_unusual(
    model: Model,
    request: PredictRequest[Any] | ExplainRequest[Any],
    inputs: Inputs,
    lengths: Indexes | None,
) -> Unusual:
    sent = sent_in(request.instances, model)
    return find_unusual(model, inputs, lengths, sent, INSTANCES)


def _predictions(model: Model, prediction: Prediction) -> list[PredictionReply]:
    classes = model.classes
    return [
        PredictionReply(classes[label], probabilities)
        for label, probabilities in zip(
            prediction.labels.tolist(), prediction.probabilities, strict=True
        )
    ]
