"""The front door: a sign of life for programs, the inspector for people."""

from flask import Blueprint, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from api.inspector.pages import inspector
from api.problems import KINDS
from api.responses import document_response, json_response
from api.security_headers import INSPECTOR

routes = Blueprint("index", __name__)


@routes.get("/")
def index() -> AnyResponse:
    """Answer programs (KServe's client asks here) that the server lives; give browsers
    the inspector.
    """
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    wants_page = best == "text/html"
    response = _page() if wants_page else json_response(b'{"status":"alive"}')
    response.vary.add("Accept")
    return response


def _page() -> AnyResponse:
    served = inspector()
    html = "text/html; charset=utf-8"
    response = document_response(served.page, html, served.page_tag)
    response.headers["Content-Security-Policy"] = INSPECTOR
    return response


@routes.get("/problems/<slug>")
def explain_problem(slug: str) -> AnyResponse:
    """Send the reader of a problem's type to its description."""
    if slug not in {kind.slug for kind in KINDS}:
        raise NotFound
    return redirect(f"/docs#problem-{slug}")
