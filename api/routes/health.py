"""Probes. Neither asks Redis: without it the server answers, only more slowly."""

from typing import Any

from flask import Blueprint, Response, g

from api.access import is_operator, may_use
from api.encoding import encode
from api.error_handlers import problem
from api.problems import NOT_READY
from api.responses import json_response
from api.service import service

routes = Blueprint("health", __name__)


@routes.get("/v2/health/live", strict_slashes=False)
def live() -> Response:
    """Say that the process answers."""
    return json_response(b'{"live":true}')


@routes.get("/v2/health/ready", strict_slashes=False)
def ready() -> Response:
    """Say whether at least one model can be used, and how each bundle fares."""
    is_ready = service().store.is_ready()
    detail = {"ready": is_ready, **_bundles()}
    if not is_ready:
        return problem(NOT_READY, "no model is served", extensions=detail)
    return json_response(encode(detail))


def _bundles() -> dict[str, Any]:
    """Return the state of each bundle and of bad files, where probes are told."""
    if service().keys is not None and g.key is None:
        return {}  # nobody was asked for a key here
    store = service().store
    served = [
        {"name": name, "ready": True, "digest": model.reference.digest, "reason": None}
        for name, model in store.models.items()
        if may_use(name)
    ]
    if not is_operator():
        return {"models": served, "key_files": []}
    refused = [
        {"name": directory, "ready": False, "digest": None, "reason": reason}
        for directory, reason in store.refused.items()
    ]
    files = [
        {"setting": setting, "reason": f"{problem}; used as it was before"}
        for setting, problem in service().refused_files.items()
    ]
    return {"models": served + refused, "key_files": files}
