"""The inspector's page and its files, read once; they hold nothing of any model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from api import service
from api.service import Service
from api.version import VERSION

EXTENSION = "leafpath-inspector"
_HERE = Path(__file__).parent
_TEMPLATE = _HERE / "templates" / "inspector.html"

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}


@dataclass(frozen=True)
class Inspector:
    """What is sent: the page, and the files that it loads, under their digest."""

    page: bytes
    page_tag: str
    files: Mapping[str, bytes]
    digest: str


def register(app: Flask) -> None:
    """Read the files and render the page, which asks for a key where one is due."""
    files = {
        path.name: path.read_bytes()
        for path in sorted((_HERE / "static").iterdir())
        if path.suffix in CONTENT_TYPES
    }
    digest = _digest(files)
    served: Service = app.extensions[service.EXTENSION]
    keyed = served.keys is not None
    page = _render(app, files, digest, keyed=keyed)
    tag = hashlib.sha256(page).hexdigest()[:16]
    app.extensions[EXTENSION] = Inspector(page, tag, files, digest)


def inspector() -> Inspector:
    """Return the inspector of the application that handles this request."""
    return cast(Inspector, current_app.extensions[EXTENSION])


def _digest(files: Mapping[str, bytes]) -> str:
    """Return one digest for all: modules name one another, and must not be mixed."""
    whole = hashlib.sha256()
    for name, content in files.items():
        whole.update(f"{name} {len(content)} ".encode() + content)
    return whole.hexdigest()[:16]


def _render(
    app: Flask, files: Mapping[str, bytes], digest: str, *, keyed: bool
) -> bytes:
    template = app.jinja_env.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    modules = [name for name in files if name.endswith(".js")]
    page = template.render(
        files=f"inspector/{digest}", modules=modules, version=VERSION, keyed=keyed
    )
    return page.encode()
