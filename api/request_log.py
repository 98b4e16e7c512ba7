"""One log line and one count a request; its id, on every answer."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from api.service import service
from api.uri_templates import template

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_TRACEPARENT = re.compile(
    r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z"
)

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Give every request an id, and log and count every answer."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    route = template(request.url_rule.rule) if request.url_rule else "unmatched"
    response.headers["X-Request-Id"] = g.request_id
    line: dict[str, object] = {}
    parent = request.headers.get("traceparent", "")
    if found := _TRACEPARENT.match(parent):
        response.headers["traceparent"] = parent
        line["trace_id"] = found.group(1)
    service().metrics.request(route, request.method, response.status_code, seconds)
    log.info(
        "request",
        request_id=g.request_id,
        method=request.method[:16],
        route=route,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 3),
        bytes_in=request.content_length,
        bytes_out=response.content_length,
        cache=response.headers.get("X-Cache"),
        model=g.get("model"),
        key=g.key.name if g.get("key") else None,
        **line,
    )
    return response
