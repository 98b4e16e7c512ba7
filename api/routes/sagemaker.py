"""The container contract of Amazon SageMaker: a ping, invocations by JSON or CSV."""

from typing import Any

from flask import Blueprint, Response, request

from api.access import find_model, may_use
from api.answering import Answer, answer_explain, answer_predict
from api.cache_headers import cache_policy, report_cache
from api.error_handlers import problem
from api.errors import RequestError
from api.problems import INVALID_REQUEST, NOT_READY, UNSUPPORTED_MEDIA
from api.protocols.csv_rows import read_rows
from api.request_body import check_not_coded, decode_body, read_body, read_bytes
from api.responses import json_response
from api.schemas import ExplainRequest, PredictRequest
from api.served_model import ServedModel
from api.service import service

routes = Blueprint("sagemaker", __name__)

CSV = "text/csv"


@routes.get("/ping")
def ping() -> Response:
    """Say whether a model can be used."""
    if not service().store.is_ready():
        return problem(NOT_READY, "no model is served")
    return json_response(b"{}")


@routes.post("/invocations")
def invoke_only_model() -> Response:
    """Predict or, where `explanations` are asked for, explain: with the only model."""
    names = sorted(filter(may_use, service().store.models))
    if len(names) != 1:
        raise RequestError(
            INVALID_REQUEST,
            f"{len(names)} models are served ({', '.join(names)}); POST to "
            "/models/{model}/invoke to name one",
        )
    return _invoke(find_model(names[0]))


@routes.post("/models/<model:model>/invoke")
def invoke(model: str) -> Response:
    """Predict or, where `explanations` are asked for, explain."""
    return _invoke(find_model(model))


def _invoke(served: ServedModel) -> Response:
    server = service()
    body = _read(served, server.settings.max_body_bytes)
    answer = _answer(served, body)
    server.metrics.agreement(served.model, answer.prediction)
    server.metrics.unusual(served.model, answer.unusual)
    response = json_response(answer.body)
    report_cache(response, answer.explained)
    return response


def _read(served: ServedModel, max_bytes: int) -> ExplainRequest[Any]:
    manifest = served.model.manifest
    if request.mimetype == CSV:
        if manifest.family != "tabular":
            raise RequestError(
                UNSUPPORTED_MEDIA,
                f"CSV holds rows of tables, and model {manifest.name!r} reads "
                f"{manifest.family} inputs; send JSON",
                headers={"Accept-Post": "application/json"},
            )
        check_not_coded(request)
        return ExplainRequest(read_rows(manifest.input, read_bytes(request, max_bytes)))
    raw = read_body(request, max_bytes)
    return decode_body(served.explain_decoder, raw, manifest)


def _answer(served: ServedModel, body: ExplainRequest[Any]) -> Answer:
    if body.explanations is None:
        return answer_predict(served, PredictRequest(body.instances))
    explanations = service().explanations
    return answer_explain(served, body, explanations, cache_policy(request))
