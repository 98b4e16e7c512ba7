"""One log line and one count a request; its id, on every answer."""

import re
import secrets
import time
from functools import partial

import structlog
from flask import Flask, Response, g, request

from api.metrics import Metrics
from api.uri_templates import template

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_TRACEPARENT = re.compile(
    r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z"
)

log = structlog.get_logger()


def register(app: Flask, metrics: Metrics) -> None:
    """Give every request an id, and log and count every answer."""
    app.before_request(_begin)
    app.after_request(partial(_end, metrics))


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.environ.get("HTTP_X_REQUEST_ID", "")
    g.request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(16)


def _end(metrics: Metrics, response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    rule, method = request.url_rule, request.method
    route = template(rule.rule) if rule is not None else "unmatched"
    metrics.request(route, method, response.status_code, seconds)
    model = g.get("model")
    if model is not None and method == "POST":
        metrics.inference(model, response.status_code, seconds)
    response.headers["X-Request-Id"] = g.request_id
    key = g.get("key")
    log.info(
        "request",
        request_id=g.request_id,
        method=method[:16],
        route=route,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 3),
        bytes_in=request.content_length,
        bytes_out=response.content_length,
        cache=response.headers.get("X-Cache"),
        model=model,
        key=key.name if key is not None else None,
        trace_id=_trace(response),
    )
    return response


def _trace(response: Response) -> str | None:
    """Echo the caller's trace context and return its trace id (W3C Trace Context)."""
    parent = request.environ.get("HTTP_TRACEPARENT", "")
    found = _TRACEPARENT.match(parent)
    if found is None:
        return None
    response.headers["traceparent"] = parent
    return found.group(1)
