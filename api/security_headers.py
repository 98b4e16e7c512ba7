"""Headers on every answer that keep browsers from being too helpful."""

from flask import Flask, Response

NOTHING = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of everything that is not a page."""


def page_policy(style_hash: str) -> str:
    """Return the policy of a page with one inline style sheet and nothing else."""
    return f"{NOTHING}; style-src '{style_hash}'"


def register(app: Flask) -> None:
    """Add the headers to every answer, problems included."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Content-Security-Policy", NOTHING)
    headers.setdefault("Cache-Control", "no-store")
    return response
