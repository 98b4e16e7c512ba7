"""Headers on every answer that keep browsers from being too helpful."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NOTHING = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of everything that is not a page."""

INSPECTOR = (
    f"{NOTHING}; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:"
)
"""The policy of the inspector: its own files, and pictures that came with a key."""

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": NOTHING,
    "Cache-Control": "no-store",
}
"""On every answer, unless a route set its own."""


def page_policy(style_hash: str) -> str:
    """Return the policy of a page with one inline style sheet and nothing else."""
    return f"{NOTHING}; style-src '{style_hash}'"


def register(app: Flask) -> None:
    """Add the headers to every answer, problems included."""
    app.wsgi_app = _Adding(app.wsgi_app)  # type: ignore[method-assign]


class _Adding:
    """Adds to the finished list: werkzeug would check these constants each time."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            present = {name for name, _ in headers}
            missing = [pair for pair in ALWAYS.items() if pair[0] not in present]
            return start_response(status, headers + missing, *error)

        return self._app(environ, start)
