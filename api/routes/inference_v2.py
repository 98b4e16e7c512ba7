"""Open Inference Protocol V2: the paths, and with them KServe's and Triton's clients.

Probes are in ``health.py``. Paths work with and without a trailing slash, and without a
redirect, which clients do not follow when they POST.
"""

from typing import Any

import orjson
from flask import Blueprint, Response, request

from api.access import find_model, is_operator, may_use
from api.cache_headers import cache_policy, report_cache
from api.errors import RequestError
from api.problems import MANAGED_BY_FILES, UNKNOWN_MODEL
from api.protocols.inference import infer as answer
from api.protocols.messages import decode_index, json_length
from api.protocols.metadata import (
    model_configuration,
    model_metadata,
    repository_index,
    server_metadata,
)
from api.protocols.statistics import statistics
from api.request_body import read_tensor_body
from api.responses import json_response
from api.served_model import ServedModel
from api.service import service

routes = Blueprint("inference_v2", __name__)

JSON_BYTES = "Inference-Header-Content-Length"
_MODEL = "/v2/models/<model:model>"
_VERSION = f"{_MODEL}/versions/<version>"


@routes.get("/v2", strict_slashes=False)
def show_server() -> Response:
    """Name the server and the extensions of the protocol that it knows."""
    return _json(server_metadata())


@routes.get("/v2/models", strict_slashes=False)
def list_models() -> Response:
    """List the models that this caller may use."""
    return _json({"models": sorted(filter(may_use, service().store.models))})


@routes.get(_MODEL, strict_slashes=False)
@routes.get(_VERSION, strict_slashes=False)
def show_model(model: str, version: str | None = None) -> Response:
    """Describe a model's inputs and outputs as tensors."""
    return _json(model_metadata(_find(model, version).model))


@routes.get(f"{_MODEL}/ready", strict_slashes=False)
@routes.get(f"{_VERSION}/ready", strict_slashes=False)
def show_readiness(model: str, version: str | None = None) -> Response:
    """Say that a model can be used."""
    return _json({"name": _find(model, version).reference.name, "ready": True})


@routes.get(f"{_MODEL}/config", strict_slashes=False)
@routes.get(f"{_VERSION}/config", strict_slashes=False)
def show_configuration(model: str, version: str | None = None) -> Response:
    """Show a model's configuration in Triton's terms."""
    return _json(model_configuration(_find(model, version).model))


@routes.get("/v2/models/stats", strict_slashes=False)
@routes.get(f"{_MODEL}/stats", strict_slashes=False)
@routes.get(f"{_VERSION}/stats", strict_slashes=False)
def show_statistics(model: str | None = None, version: str | None = None) -> Response:
    """Count inferences, over all workers since the server started."""
    server = service()
    names = sorted(filter(may_use, server.store.models)) if model is None else [model]
    served = [_find(name, version) for name in names]
    use = server.metrics.use()
    stats = [statistics(one.reference, use.of(one.reference.name)) for one in served]
    return _json({"model_stats": stats})


@routes.post("/v2/repository/index", strict_slashes=False)
def list_repository() -> Response:
    """List the models with their state, bundles that cannot be served too."""
    server = service()
    raw = read_tensor_body(request, server.settings.max_body_bytes)
    store = server.store
    names = sorted(filter(may_use, store.models))
    only_ready = decode_index(raw).ready or not is_operator()
    refused = {} if only_ready else store.refused
    served = [store.models[name].reference for name in names]
    return _json(repository_index(served, refused))


@routes.post("/v2/repository/models/<model:model>/load", strict_slashes=False)
@routes.post("/v2/repository/models/<model:model>/unload", strict_slashes=False)
def refuse_management(model: str) -> Response:
    """Refuse: no request changes which models are served."""
    raise RequestError(
        MANAGED_BY_FILES,
        "models are not loaded or unloaded over HTTP: change the bundles in "
        "LEAFPATH_BUNDLES, then send the server the signal HUP",
    )


@routes.post(f"{_MODEL}/infer", strict_slashes=False)
@routes.post(f"{_VERSION}/infer", strict_slashes=False)
def infer(model: str, version: str | None = None) -> Response:
    """Predict, and explain by the outputs that are asked for."""
    return _answer(_find(model, version), explain=False)


@routes.post(f"{_MODEL}/explain", strict_slashes=False)
@routes.post(f"{_VERSION}/explain", strict_slashes=False)
def explain(model: str, version: str | None = None) -> Response:
    """Predict and explain: as `infer`, with the tree's path where no outputs are asked
    for.
    """
    return _answer(_find(model, version), explain=True)


def _answer(served: ServedModel, *, explain: bool) -> Response:
    server = service()
    header = request.environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH")
    raw = read_tensor_body(request, server.settings.max_body_bytes)
    answered = answer(
        served,
        raw,
        json_length(header),
        server.explanations,
        cache_policy(request),
        explain=explain,
    )
    server.metrics.agreement(served.model, answered.prediction)
    server.metrics.unusual(served.model, answered.unusual)
    reply = answered.reply
    if reply.json_bytes is None:
        response = json_response(reply.body)
    else:
        response = Response(reply.body, content_type="application/octet-stream")
        response.headers[JSON_BYTES] = str(reply.json_bytes)
    report_cache(response, answered.explained)
    return response


def _find(name: str, version: str | None) -> ServedModel:
    """Return a served model, in the one version that is served of it."""
    served = find_model(name)
    if version is not None and version != served.reference.version:
        raise RequestError(
            UNKNOWN_MODEL,
            f"model {name!r} is served in version {served.reference.version!r}, "
            f"not {version!r}",
        )
    return served


def _json(document: Any) -> Response:
    return json_response(orjson.dumps(document))
