"""Predictions and explanations."""

from flask import Blueprint, Response, request

from api.access import find_model
from api.answering import answer_explain, answer_predict
from api.explaining import CachePolicy
from api.request_body import decode_body, read_body
from api.responses import json_response
from api.service import service

routes = Blueprint("answers", __name__)


@routes.post("/v1/models/<model:model>:predict")
def predict(model: str) -> Response:
    """Predict the class of every instance."""
    server, served = service(), find_model(model)
    raw = read_body(request, server.settings.max_body_bytes)
    body = decode_body(served.predict_decoder, raw, served.model.manifest.input)
    answer = answer_predict(served, body)
    server.metrics.agreement(served.model, answer.prediction)
    return json_response(answer.body)


@routes.post("/v1/models/<model:model>:explain")
def explain(model: str) -> Response:
    """Predict the class of every instance, and explain it."""
    server, served = service(), find_model(model)
    raw = read_body(request, server.settings.max_body_bytes)
    body = decode_body(served.explain_decoder, raw, served.model.manifest.input)
    answer = answer_explain(served, body, server.explanations, _cache_policy())
    server.metrics.agreement(served.model, answer.prediction)
    response = json_response(answer.body)
    if answer.explained is not None:
        response.headers["X-Cache"] = answer.explained.cache
        if answer.explained.cache == "hit":
            response.headers["Age"] = str(answer.explained.age_s)
    return response


def _cache_policy() -> CachePolicy:
    wish = request.headers.get("Cache-Control", "").lower()
    if "no-store" in wish:
        return "avoid"
    return "refresh" if "no-cache" in wish else "use"
