"""The JSON of a problem (RFC 9457). Knows no Flask: jobs end in problems too."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
import structlog

from api import problems
from api.errors import Fault, faults_of, kind_of
from api.limits import MAX_DETAIL_CHARS
from api.problems import Kind
from explainers.errors import LeafpathError

SEE_LOG = "the server's log has the details under this request_id"

log = structlog.get_logger()


def problem_document(
    kind: Kind,
    detail: str,
    instance: str,
    request_id: str | None,
    errors: Sequence[Fault] = (),
    extensions: Mapping[str, Any] | None = None,
) -> bytes:
    """Return what went wrong, and where."""
    detail = shortened(detail)
    return orjson.dumps(
        {
            "type": kind.uri,
            "title": kind.title,
            "status": kind.status,
            "detail": detail,
            "instance": shortened(instance),
            "request_id": request_id,
            "errors": [
                {key: value and shortened(value) for key, value in asdict(one).items()}
                for one in errors
            ],
            "error": detail,  # what clients of KServe V1 read
            **(extensions or {}),
        }
    )


def problem_of(error: Exception, instance: str, request_id: str) -> bytes:
    """Return the problem that an exception becomes; log it where it is our fault."""
    if isinstance(error, LeafpathError):
        kind = kind_of(error)
        if kind is not problems.INTERNAL:
            return problem_document(
                kind, str(error), instance, request_id, faults_of(error)
            )
    log.error("unexpected error", request_id=request_id, exc_info=error)
    return problem_document(problems.INTERNAL, SEE_LOG, instance, request_id)


def shortened(text: str) -> str:
    """Return a text of bounded length that orjson can write."""
    if len(text) > MAX_DETAIL_CHARS:
        text = text[:MAX_DETAIL_CHARS] + "..."
    return text.encode("utf-8", "replace").decode()  # orjson refuses lone surrogates
