"""What gunicorn does differently here: its errors are problems, its log is JSON.

Loaded in gunicorn's master too, so nothing here may import onnxruntime.
"""

import contextlib
import logging
import logging.config
import socket
import uuid
from typing import Any

import orjson
from gunicorn import glogging  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import (  # type: ignore[import-untyped]
    ThreadWorker,
)

from api import logs, problems
from api.problems import Kind
from api.security_headers import ALWAYS

_TOO_LONG = Kind("about:blank", 414, "URI Too Long", "")
_TOO_MANY_FIELDS = Kind("about:blank", 431, "Request Header Fields Too Large", "")
_EXPECTATION = Kind("about:blank", 417, "Expectation Failed", "")
_CODING = Kind("about:blank", 501, "Not Implemented", "")

_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (errors.InvalidResponseHeader, problems.INTERNAL),
    (errors.InvalidResponseHeaderName, problems.INTERNAL),
    (errors.ConfigurationProblem, problems.INTERNAL),
    (errors.LimitRequestLine, _TOO_LONG),
    (errors.LimitRequestHeaders, _TOO_MANY_FIELDS),
    (errors.ExpectationFailed, _EXPECTATION),
    (errors.UnsupportedTransferCoding, _CODING),
    (errors.ParseException, problems.BAD_REQUEST),
)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker; what never reaches the application is a problem."""

    def handle_error(
        self, req: Any, client: socket.socket, addr: Any, exc: BaseException
    ) -> None:
        """Answer a request that is no HTTP, or that broke outside the application."""
        if req is not None and _is_about_the_request(exc):
            return  # it was answered; a rest of its body was then no HTTP
        kind = next((k for family, k in _KINDS if isinstance(exc, family)), None)
        request_id = uuid.uuid4().hex
        if kind is None or kind is problems.INTERNAL:
            self.log.exception("request %s broke outside the application", request_id)
            kind, detail = problems.INTERNAL, "the server's log has the details"
        else:
            detail = str(exc)[:200]
            self.log.warning("request %s refused: %s", request_id, detail)
        with contextlib.suppress(OSError):
            client.sendall(raw_problem(kind, detail, request_id))


def _is_about_the_request(exc: BaseException) -> bool:
    about_us = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
    return isinstance(exc, errors.ParseException) and not isinstance(exc, about_us)


def raw_problem(kind: Kind, detail: str, request_id: str) -> bytes:
    """Return a whole HTTP answer that closes the connection."""
    body = orjson.dumps(
        {
            "type": kind.uri,
            "title": kind.title,
            "status": kind.status,
            "detail": detail,
            "instance": "",
            "request_id": request_id,
            "errors": [],
            "error": detail,
        }
    )
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-Id": request_id,
        **ALWAYS,
    }
    lines = [f"HTTP/1.1 {kind.status} {kind.title}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's own messages as JSON lines; requests are logged by the application."""

    def setup(self, cfg: Any) -> None:
        """Send everything to stderr as JSON."""
        super().setup(cfg)
        logging.config.dictConfig(logs.STDLIB)
        logging.captureWarnings(True)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Log nothing here."""
