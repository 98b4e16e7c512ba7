"""Who is asking: the API key of a request, and which models it opens."""

from functools import partial

from flask import Flask, Request, g, request

from api.errors import RequestError
from api.keys import ApiKey, KeyRing
from api.problems import FORBIDDEN, UNAUTHENTICATED, UNKNOWN_MODEL
from api.served_model import ServedModel
from api.service import EXTENSION, service

OPEN_PREFIXES = ("/v2/health/", "/inspector/")
"""Probes carry no key, and learn no more than a yes or a no. The inspector asks its
reader for one: its page, at ``/``, and its files say nothing of any model."""

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="leafpath"'}


def register(app: Flask) -> None:
    """Ask for a key before every request, where keys are configured."""
    app.before_request(partial(_check_key, app.extensions[EXTENSION].keys))


def _check_key(ring: KeyRing | None) -> None:
    g.key = None
    if ring is None:
        return
    text = _bearer_token(request)
    g.key = ring.find(text) if text is not None else None
    if g.key is None and not _is_open(request.path):
        wish = "send 'Authorization: Bearer KEY'"
        detail = wish if text is None else f"no such API key; {wish}"
        raise RequestError(UNAUTHENTICATED, detail, headers=_CHALLENGE)


def _is_open(path: str) -> bool:
    return path == "/" or path.startswith(OPEN_PREFIXES)


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def may_use(model: str) -> bool:
    """Whether the key of this request opens a model; True where no keys are asked."""
    key: ApiKey | None = g.key
    return key is None or key.opens(model)


def is_operator() -> bool:
    """Whether this request may know of every model; True where no keys are asked."""
    key: ApiKey | None = g.key
    return key is None or key.is_operator


def find_model(name: str) -> ServedModel:
    """Return a served model that this request may use.

    Raises
    ------
    RequestError
        No such model, or the key does not open it.
    """
    if not may_use(name):
        raise RequestError(FORBIDDEN, f"this API key does not open the model {name!r}")
    models = service().store.models
    served = models.get(name)
    if served is None:
        known = ", ".join(sorted(filter(may_use, models))) or "none"
        raise RequestError(UNKNOWN_MODEL, f"no model {name!r}; served: {known}")
    g.model = name
    return served
