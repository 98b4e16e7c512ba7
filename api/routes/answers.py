"""Predictions and explanations."""

from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, request

from api.access import find_model
from api.answering import answer_explain, answer_predict
from api.cache_headers import cache_policy, report_cache
from api.request_body import decode_body, read_body
from api.responses import json_response
from api.routes.jobs import accept, wants_job
from api.schemas import ExplainRequest, PredictRequest
from api.served_model import ServedModel
from api.service import Service, service
from api.uploads import FORM, read_upload

T = TypeVar("T")

routes = Blueprint("answers", __name__)


@routes.post("/v1/models/<model:model>:predict")
def predict(model: str) -> Response:
    """Predict the class of every instance."""
    server, served = service(), find_model(model)
    body = _read(server, served, PredictRequest[Any], served.predict_decoder)
    answer = answer_predict(served, body)
    server.metrics.agreement(served.model, answer.prediction)
    server.metrics.unusual(served.model, answer.unusual)
    return json_response(answer.body)


@routes.post("/v1/models/<model:model>:explain")
def explain(model: str) -> Response:
    """Predict the class of every instance, and explain it, at once or as a job."""
    server, served = service(), find_model(model)
    body = _read(server, served, ExplainRequest[Any], served.explain_decoder)
    if wants_job():
        return accept(served, body)
    answer = answer_explain(served, body, server.explanations, cache_policy(request))
    server.metrics.agreement(served.model, answer.prediction)
    server.metrics.unusual(served.model, answer.unusual)
    response = json_response(answer.body)
    report_cache(response, answer.explained)
    return response


def _read(
    server: Service,
    served: ServedModel,
    kind: type[T],
    decoder: msgspec.json.Decoder[T],
) -> T:
    """Read the body: JSON, or a form with pictures that says the same."""
    manifest, max_bytes = served.model.manifest, server.settings.max_body_bytes
    asked = request._get_current_object()  # type: ignore[attr-defined]
    is_json = asked.environ.get("CONTENT_TYPE") == "application/json"
    if not is_json and asked.mimetype == FORM:
        return read_upload(asked, kind, manifest, max_bytes)
    return decode_body(decoder, read_body(asked, max_bytes), manifest)
