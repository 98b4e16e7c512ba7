"""HTTP/1.1 requests name their host (RFC 9112, 3.2); gunicorn does not insist."""

from flask import Flask, request

from api.errors import RequestError
from api.problems import BAD_REQUEST


def register(app: Flask) -> None:
    """Refuse requests without a Host header, which confuse proxies and logs."""
    app.before_request(_check)


def _check() -> None:
    is_old = request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
    if "HTTP_HOST" not in request.environ and not is_old:
        raise RequestError(BAD_REQUEST, "the Host header is missing")
