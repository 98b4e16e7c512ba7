"""Answers that are bytes already."""

from flask import Response, request


def json_response(body: bytes) -> Response:
    """Return a JSON document as a 200."""
    return Response(body, content_type="application/json")


def document_response(body: bytes, content_type: str, etag: str) -> Response:
    """Return a document that changes only with its bundle; 304 to those who have it."""
    response = Response(body, content_type=content_type)
    response.set_etag(etag)
    # Keep it, but ask each time: a model can be replaced at any moment.
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
