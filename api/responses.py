"""Answers that are bytes already."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Response, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class WholeResponse(Response):
    """An answer whose body is one piece: its headers are complete when it is made.

    werkzeug looks over every header once more before it sends them, which would cost a
    prediction a tenth of its time.
    """

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Send it."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.iter_encoded()


def json_response(body: bytes) -> Response:
    """Return a JSON document as a 200."""
    return WholeResponse(body, content_type="application/json")


def document_response(
    body: bytes, content_type: str, etag: str, *, immutable: bool = False
) -> Response:
    """Return a document that changes only with its bundle; 304 to those who have it.

    Parameters
    ----------
    immutable : whether its address names the bundle's digest, so that it may be kept
        for a year unasked.
    """
    response = Response(body, content_type=content_type)
    response.set_etag(etag)
    # Keep it, but ask each time: a model can be replaced at any moment.
    kept = "max-age=31536000, immutable" if immutable else "no-cache"
    response.headers["Cache-Control"] = f"private, {kept}"
    response.make_conditional(request)
    return response
