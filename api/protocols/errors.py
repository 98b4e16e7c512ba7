"""Errors as the Open Inference Protocol words them: ``{"error": "..."}``."""

from collections.abc import Mapping

import orjson
from flask import Response

from api.problems import Kind

_PREFIX = "/v2/"
_PROBES = "/v2/health/"
"""Probes answer problems: these carry an ``error`` too, and how each bundle fares."""


def speaks_v2(path: str) -> bool:
    """Whether a path belongs to the protocol."""
    return path == "/v2" or (path.startswith(_PREFIX) and not path.startswith(_PROBES))


def v2_status(kind: Kind) -> int:
    """Return the status of a problem here: the protocol knows 400, not 422."""
    return 400 if kind.status == 422 else kind.status


def v2_error(kind: Kind, detail: str, headers: Mapping[str, str] | None) -> Response:
    """Return the protocol's error object.

    Its content type is plain JSON: KServe's client shows the message of no other.
    """
    return Response(
        orjson.dumps({"error": detail}),
        v2_status(kind),
        headers,
        content_type="application/json",
    )
