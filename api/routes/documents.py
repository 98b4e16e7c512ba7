"""What the trainer put into the bundle for people: evaluation, pictures, report."""

from flask import Blueprint, Response, request

from api.access import find_model
from api.errors import RequestError
from api.model_pages import DOCUMENTS
from api.problems import NOT_ACCEPTABLE, NOT_EXPOSED, NOT_IN_BUNDLE
from api.responses import document_response
from api.security_headers import NOTHING
from api.served_model import ServedModel

routes = Blueprint("documents", __name__)

_CONTENT_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
}
_LANDSCAPES = {
    "application/json": DOCUMENTS["landscape"],
    "image/svg+xml": "landscape.svg",
    "image/png": "landscape.png",
}

# The report brings its styles and pictures along, and may do nothing else.
_REPORT_POLICY = f"{NOTHING}; style-src 'unsafe-inline'; img-src data:; sandbox"


@routes.get("/v1/models/<model:model>/evaluation")
def show_evaluation(model: str) -> Response:
    """Return how well each explanation method explains, as the trainer measured it."""
    return _document(find_model(model), DOCUMENTS["evaluation"], "application/json")


@routes.get("/v1/models/<model:model>/gallery")
def show_gallery(model: str) -> Response:
    """Return the index of the feature visualizations."""
    return _document(find_model(model), DOCUMENTS["gallery"], "application/json")


@routes.get("/v1/models/<model:model>/gallery/<path:file>")
def show_picture(model: str, file: str) -> Response:
    """Return one file of the gallery."""
    return _file(find_model(model), "gallery", file)


@routes.get("/v1/models/<model:model>/landscape")
def show_landscape(model: str) -> Response:
    """Return the loss landscape: its grids, or a picture of them."""
    chosen = "application/json"
    if request.headers.get("Accept", "").strip():
        chosen = request.accept_mimetypes.best_match(list(_LANDSCAPES), "")
    if not chosen:
        raise RequestError(
            NOT_ACCEPTABLE, f"the landscape comes as {', '.join(_LANDSCAPES)}"
        )
    path = _LANDSCAPES[chosen]
    suffix = path[path.rfind(".") :]
    tag = "" if chosen == "application/json" else suffix
    response = _document(find_model(model), path, _CONTENT_TYPES[suffix], tag)
    response.vary.add("Accept")
    return response


@routes.get("/v1/models/<model:model>/landscape/<path:file>")
def show_landscape_picture(model: str, file: str) -> Response:
    """Return another picture of the loss landscape."""
    return _file(find_model(model), "landscape", file)


@routes.get("/v1/models/<model:model>/report")
def show_report(model: str) -> Response:
    """Return the report, a page that stands alone."""
    served = find_model(model)
    if served.model.manifest.expose != "tree":
        raise RequestError(
            NOT_EXPOSED, f"model {model!r} hides its tree, and its report shows it"
        )
    response = _document(served, DOCUMENTS["report"], "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _REPORT_POLICY
    return response


def _file(served: ServedModel, folder: str, file: str) -> Response:
    suffix = file[file.rfind(".") :]
    path = f"{folder}/{file}" if suffix in _CONTENT_TYPES else ""
    return _document(served, path, _CONTENT_TYPES.get(suffix, ""))


def _document(
    served: ServedModel, path: str, content_type: str, tag: str = ""
) -> Response:
    content = served.model.files.get(path)
    if content is None:
        what = path or "such file"
        raise RequestError(
            NOT_IN_BUNDLE, f"the bundle of model {served.model.name!r} has no {what}"
        )
    digest = served.reference.digest
    return document_response(
        content, content_type, digest + tag, immutable=_names_bundle(digest)
    )


def _names_bundle(digest: str) -> bool:
    """Whether ``?digest=`` names the bundle that is served; another one is gone."""
    wanted = request.args.get("digest")
    if wanted is not None and wanted != digest:
        raise RequestError(
            NOT_IN_BUNDLE, f"the served bundle is {digest}, not {wanted!r}"
        )
    return wanted is not None
