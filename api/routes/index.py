"""The front door: a sign of life for programs, the documentation for people."""

from flask import Blueprint, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from api.problems import KINDS
from api.responses import json_response

routes = Blueprint("index", __name__)


@routes.get("/")
def index() -> AnyResponse:
    """Answer programs (KServe's client asks here); send browsers to /docs."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if best == "text/html":
        return redirect("/docs")
    return json_response(b'{"status":"alive"}')


@routes.get("/problems/<slug>")
def explain_problem(slug: str) -> AnyResponse:
    """Send the reader of a problem's type to its description."""
    if slug not in {kind.slug for kind in KINDS}:
        raise NotFound
    return redirect(f"/docs#problem-{slug}")
