"""Logs: one JSON object a line on stderr, from us and from the libraries."""

import contextlib
import logging.config
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import orjson
import structlog

_LINE = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class _Stderr:
    """The stream of the logs: on a full disk or a closed pipe a line is lost, and not
    the answer that it tells of.
    """

    def __init__(self) -> None:
        self._stream = sys.stderr.buffer

    def write(self, line: bytes) -> None:
        """Write a line, if possible."""
        with contextlib.suppress(OSError):
            self._stream.write(line)

    def flush(self) -> None:
        """Pass on what was written, if possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure() -> None:
    """Send everything that is logged in this process to stderr as JSON lines."""
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=_encode)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, _Stderr())),
        cache_logger_on_first_use=True,
    )


class RequestLog:
    """Writes one line a request to stderr, as structlog would at three times the cost:
    there is one for every answer.
    """

    def __init__(self) -> None:
        self._stream = _Stderr()

    def write(self, fields: dict[str, Any]) -> None:
        """Write a line; adds what every line has."""
        fields |= {
            "event": "request",
            "level": "info",
            "timestamp": datetime.now(UTC),
        }
        self._stream.write(orjson.dumps(fields, option=_LINE))
        self._stream.flush()


def _encode(event: dict[str, Any], **options: Any) -> bytes:
    # JSON escapes line ends, so that no value can forge a line.
    return orjson.dumps(event, default=str)


def _encode_text(event: dict[str, Any], **options: Any) -> str:
    return _encode(event).decode()


STDLIB: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [*_SHARED, structlog.stdlib.add_logger_name],
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_encode_text),
            ],
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stderr",
        }
    },
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        "huey": {"level": "WARNING"},
        "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
    },
}
"""The same for the standard library's loggers: gunicorn and warnings."""
