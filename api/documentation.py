"""The documentation that the server carries: ``/openapi.json`` and ``/docs``."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from flask import Flask, current_app
from markupsafe import Markup, escape

from api.openapi import build_document
from api.problems import KINDS
from api.schema_text import type_as_text
from explainers.model import Model
from explainers.registry import EXPLAINERS

EXTENSION = "leafpath-documentation"
_PAGE = "docs.html"
_STYLE = "docs.css"


@dataclass(frozen=True)
class Documentation:
    """Both documents, ready to send, the first's ETag, and the hash that admits the
    page's own style.
    """

    openapi: bytes
    openapi_tag: str
    page: bytes
    style_hash: str


def register(app: Flask, models: Mapping[str, Model], *, keyed: bool) -> None:
    """Describe the application; call it when every route is there."""
    document = build_document(app, models, keyed=keyed)
    style = _source(app, _STYLE)
    digest = hashlib.sha256(style.encode()).digest()
    openapi = orjson.dumps(document)
    app.extensions[EXTENSION] = Documentation(
        openapi=openapi,
        openapi_tag=hashlib.sha256(openapi).hexdigest(),
        page=_render(app, document, style),
        style_hash=f"sha256-{base64.b64encode(digest).decode()}",
    )


def documentation() -> Documentation:
    """Return the documentation of the application that handles this request."""
    return cast(Documentation, current_app.extensions[EXTENSION])


def _source(app: Flask, name: str) -> str:
    loader = app.jinja_env.loader
    if loader is None:
        raise LookupError(f"no template loader for {name}")
    return loader.get_source(app.jinja_env, name)[0]


def _render(app: Flask, document: Mapping[str, Any], style: str) -> bytes:
    page = app.jinja_env.get_template(_PAGE).render(
        document=document,
        style=style,
        methods=EXPLAINERS,
        kinds=KINDS,
        type_as_text=type_as_text,
        pretty=_pretty,
        prose=_prose,
    )
    return page.encode()


def _prose(text: str) -> Markup:
    """Return text as HTML, `words between backticks` as code."""
    parts = [escape(part) for part in text.split("`")]
    parts[1::2] = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(parts)


def _pretty(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return _numbers_on_one_line(text)


def _numbers_on_one_line(text: str) -> str:
    """Join the lines of arrays of numbers: thirty of them are one thing to read."""
    joined: list[str] = []
    for line in text.split("\n"):
        word = line.strip()
        plain = word[:1].isdigit() or word[:1] == "-"
        follows = joined and joined[-1].rstrip()[-1:] in "[,"
        if plain and follows and not joined[-1].rstrip().endswith(("},", "],", '",')):
            joined[-1] += word if joined[-1].endswith("[") else f" {word}"
        elif word.startswith("]") and joined and joined[-1].rstrip()[-1:].isdigit():
            joined[-1] += word
        else:
            joined.append(line)
    return "\n".join(joined)
