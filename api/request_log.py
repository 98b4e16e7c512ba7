"""One log line and one count a request; its id, on every answer."""

import re
import secrets
import time
from functools import partial
from typing import cast

from flask import Flask, Request, Response, g, request
from werkzeug.local import LocalProxy

from api.logs import RequestLog
from api.metrics import Metrics
from api.uri_templates import template

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_TRACEPARENT = re.compile(
    r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z"
)


def register(app: Flask, metrics: Metrics) -> None:
    """Give every request an id, and log and count every answer."""
    app.before_request(_begin)
    app.after_request(partial(_end, metrics, RequestLog()))


def _begin() -> None:
    given = request.environ.get("HTTP_X_REQUEST_ID", "")
    g.started = time.perf_counter()
    g.request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(16)


def _end(metrics: Metrics, log: RequestLog, response: Response) -> Response:
    # Every attribute of a proxy is a look-up of its object.
    asked = cast("LocalProxy[Request]", request)._get_current_object()
    known = g._get_current_object()
    seconds = time.perf_counter() - known.started
    rule, method, status = asked.url_rule, asked.method, response.status_code
    route = template(rule.rule) if rule is not None else "unmatched"
    model, key = known.get("model"), known.get("key")
    inferred = model if model and method == "POST" else ""
    metrics.request(route, method, status, seconds, inferred)
    headers = response.headers
    headers["X-Request-Id"] = known.request_id
    log.write(
        {
            "request_id": known.request_id,
            "method": method[:16],
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "bytes_in": _length(asked),
            "bytes_out": response.content_length,
            "cache": headers.get("X-Cache"),
            "model": model,
            "key": key.name if key is not None else None,
            "trace_id": _trace(asked, response),
        }
    )
    return response


def _length(asked: Request) -> int | None:
    given = asked.environ.get("CONTENT_LENGTH", "")[:15]
    return int(given) if given.isdecimal() else None


def _trace(asked: Request, response: Response) -> str | None:
    """Echo the caller's trace context and return its trace id (W3C Trace Context)."""
    parent = asked.environ.get("HTTP_TRACEPARENT", "")
    found = _TRACEPARENT.match(parent)
    if found is None:
        return None
    response.headers["traceparent"] = parent
    return found.group(1)
