"""Headers on every answer that keep browsers from being too helpful."""

from flask import Flask, Response

NOTHING = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of everything that is not a page."""

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
    app.after_request(_add)


def _add(response: Response) -> Response:
    present = {name for name, _ in response.headers}
    for name, value in ALWAYS.items():
        if name not in present:
            response.headers.add(name, value)
    return response
