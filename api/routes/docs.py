"""The server's own documentation: for programs and for people."""

from flask import Blueprint, Response

from api.documentation import documentation
from api.responses import document_response
from api.security_headers import page_policy

routes = Blueprint("docs", __name__)


@routes.get("/openapi.json")
def show_openapi() -> Response:
    """Return the OpenAPI 3.1 document of this server."""
    found = documentation()
    return document_response(found.openapi, "application/json", found.openapi_tag)


@routes.get("/docs")
def show_docs() -> Response:
    """Return the documentation as a page, without scripts."""
    response = Response(documentation().page, content_type="text/html; charset=utf-8")
    policy = page_policy(documentation().style_hash)
    response.headers["Content-Security-Policy"] = policy
    return response
