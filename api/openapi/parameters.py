"""Parameters and headers that several operations share."""

from collections.abc import Mapping
from typing import Any

from api.quotas import POLICY
from api.spending import WINDOW_S
from explainers.manifest import NAME
from explainers.model import Model

PARAMETERS: dict[str, Any] = {
    "JsonLength": {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "description": "Bytes of the JSON, where raw tensors follow it.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of the document that the client has.",
        "schema": {"type": "string"},
    },
    "Digest": {
        "name": "digest",
        "in": "query",
        "description": "The digest of the bundle that the document must come from. "
        "With it the answer never changes and may be kept for a year unasked; where "
        "another bundle is served now, there is none.",
        "schema": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    },
    "Region": {
        "name": "region",
        "in": "query",
        "description": "The region whose tree is meant, where the inputs are divided "
        "into regions; the tree's `regions` name them.",
        "schema": {"type": "string"},
    },
    "CacheControl": {
        "name": "Cache-Control",
        "in": "header",
        "description": "`no-cache` computes anew, `no-store` also keeps nothing.",
        "schema": {"type": "string"},
        "example": "no-cache",
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async` asks for a job, not for an answer (RFC 7240).",
        "schema": {"type": "string"},
        "example": "respond-async",
    },
    "RequestTimeout": {
        "name": "Request-Timeout",
        "in": "header",
        "description": "Seconds that the client waits: 504 beyond them.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
        "example": 10,
    },
}

HEADERS: dict[str, Any] = {
    "Location": {
        "description": "Where the job is.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RetryAfter": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimitPolicy": {
        "description": "Of a key with a quota: `q` rows through the network in `w` "
        "seconds.",
        "schema": {"type": "string", "pattern": f'^"{POLICY}";q=[0-9]+;w={WINDOW_S}$'},
        "example": f'"{POLICY}";q=50000;w={WINDOW_S}',
    },
    "RateLimit": {
        "description": "Of a key with a quota: `r` rows are left, and in `t` seconds "
        "there are as many as ever.",
        "schema": {"type": "string", "pattern": f'^"{POLICY}";r=[0-9]+;t=[0-9]+$'},
        "example": f'"{POLICY}";r=41873;t=22',
    },
    "XRequestId": {
        "description": "The request's own X-Request-Id when it is clean, or a new one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "XCache": {
        "description": "`hit` when every costly explanation came from the cache, "
        "`bypass` when none was looked for.",
        "schema": {"enum": ["hit", "miss", "bypass"]},
    },
    "Age": {
        "description": "Seconds since the oldest cached explanation was computed.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "JsonLength": {
        "description": "Bytes of the JSON, where raw tensors follow it.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "ETag": {
        "description": "The bundle's digest.",
        "schema": {"type": "string"},
    },
}

_IN_PATHS: dict[str, Any] = {
    "model": {
        "description": "A served model.",
        "schema": {"type": "string", "pattern": NAME.pattern.replace("\\Z", "$")},
    },
    "version": {
        "description": "The version of the served model.",
        "schema": {"type": "string", "minLength": 1},
        "example": "1",
    },
    "job": {
        "description": "A job: the last part of its `Location`.",
        "schema": {"type": "string", "minLength": 1},
    },
    "node": {
        "description": "A node of the tree; 0 is the root.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 0,
    },
    "file": {
        "description": "A file of the gallery (its index names them) or landscape.",
        "schema": {"type": "string", "minLength": 1},
    },
    "row": {
        "description": "A row of the background sample; 0 is the first.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 0,
    },
    "digest": {
        "description": "The digest of the inspector's files; its page names it.",
        "schema": {"type": "string", "minLength": 1},
    },
    "slug": {
        "description": "The last part of a problem's type.",
        "schema": {"type": "string", "minLength": 1},
        "example": "invalid-instance",
    },
}


def path_parameter(name: str, models: Mapping[str, Model]) -> dict[str, Any]:
    """Return a parameter of a path; models are listed where they may be named."""
    parameter: dict[str, Any] = {"name": name, "in": "path", "required": True}
    parameter |= _IN_PATHS[name]
    if name == "model" and models:
        parameter["schema"] = {"type": "string", "enum": sorted(models)}
        parameter["example"] = min(models)
    return parameter
