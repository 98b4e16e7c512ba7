"""The one place where an exception becomes an answer: RFC 9457 problem details."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from api import problems
from api.errors import Fault, RequestError, faults_of, kind_of
from api.problem_document import SEE_LOG, problem_document, shortened
from api.problems import Kind
from api.protocols.errors import speaks_v2, v2_error
from api.service import service
from api.training_range import BeyondTrainingError
from explainers.errors import LeafpathError, UnseenCategoryError

CONTENT_TYPE = "application/problem+json"

_KINDS_OF_STATUS = {
    400: problems.BAD_REQUEST,
    404: problems.UNKNOWN_PATH,
    405: problems.METHOD_NOT_ALLOWED,
    406: problems.NOT_ACCEPTABLE,
    411: problems.LENGTH_REQUIRED,
    413: problems.TOO_LARGE,
    415: problems.UNSUPPORTED_MEDIA,
}

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Answer every error of the application as a problem."""
    app.register_error_handler(LeafpathError, handle_leafpath_error)
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_error_handler(Exception, handle_unexpected_error)


def handle_leafpath_error(error: LeafpathError) -> Response:
    """Answer an error that was raised on purpose."""
    kind = kind_of(error)
    if kind is problems.INTERNAL:
        return handle_unexpected_error(error)
    if kind.status >= 500:
        log.error("no answer", request_id=g.get("request_id"), reason=str(error))
    _count_refused(error)
    headers = error.headers if isinstance(error, RequestError) else {}
    return problem(kind, str(error), faults_of(error), headers)


def _count_refused(error: LeafpathError) -> None:
    """Count inputs that are refused for what training never saw: they drift too."""
    metrics, name = service().metrics, g.get("model")
    if isinstance(error, BeyondTrainingError):
        metrics.unusual(service().store.models[name].model, error.unusual)
    elif isinstance(error, UnseenCategoryError):
        metrics.refused_category(name, error.feature)


def handle_http_error(error: HTTPException) -> Response:
    """Answer what routing found: no such path, no such method."""
    if isinstance(error, RequestRedirect) or error.code is None:
        return Response(status=error.code, headers=error.get_headers())
    kind = _KINDS_OF_STATUS.get(error.code) or Kind(
        "about:blank", error.code, error.name, ""
    )
    detail = error.description or error.name
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        allowed = ", ".join(sorted(error.valid_methods))
        headers["Allow"] = allowed
        detail = f"this path takes {allowed}"
    if error.code == 404:
        detail = f"nothing is at {request.path}; GET /docs lists the paths"
    return problem(kind, detail, headers=headers)


def handle_unexpected_error(error: Exception) -> Response:
    """Log a fault with its traceback; tell the client no more than where to look."""
    log.error("unexpected error", request_id=g.get("request_id"), exc_info=error)
    return problem(problems.INTERNAL, SEE_LOG)


def problem(
    kind: Kind,
    detail: str,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """Return the answer that says what went wrong, and where, in the words of the
    protocol that the path belongs to.
    """
    detail = shortened(detail)
    if speaks_v2(request.path):
        return v2_error(kind, detail, headers)
    body = problem_document(
        kind, detail, quote(request.path), g.get("request_id"), errors, extensions
    )
    return Response(body, kind.status, headers, content_type=CONTENT_TYPE)
