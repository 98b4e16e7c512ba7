"""The files of the inspector; its page is the front door (see ``index.py``)."""

from pathlib import PurePosixPath

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from api.inspector.pages import CONTENT_TYPES, inspector
from api.responses import document_response

routes = Blueprint("inspector", __name__)


@routes.get("/inspector/<digest>/<file>")
def show_file(digest: str, file: str) -> Response:
    """Return one file of the inspector; its address changes with its content."""
    served = inspector()
    content = served.files.get(file)
    if content is None or digest != served.digest:
        raise NotFound
    content_type = CONTENT_TYPES[PurePosixPath(file).suffix]
    return document_response(content, content_type, digest, immutable=True)
