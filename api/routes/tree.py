"""The distilled tree: whole, in four forms, and node by node."""

import msgspec
from flask import Blueprint, Response, request

from api.access import find_model
from api.errors import Fault, RequestError
from api.problems import INVALID_REQUEST, NOT_ACCEPTABLE, NOT_EXPOSED, NOT_IN_BUNDLE
from api.responses import document_response
from api.served_model import ServedModel
from api.tree_document import node_page
from api.tree_forms import FORMS

routes = Blueprint("tree", __name__)


@routes.get("/v1/models/<model:model>/tree")
def show_tree(model: str) -> Response:
    """Return the tree in the form that the client prefers."""
    served = _exposed(model)
    _refuse_region(served)
    chosen = "application/json"
    if "Accept" in request.headers:
        chosen = request.accept_mimetypes.best_match(list(FORMS), "")
    if not chosen:
        raise RequestError(NOT_ACCEPTABLE, f"the tree comes as {', '.join(FORMS)}")
    form = FORMS[chosen]
    response = document_response(
        form.render(served), form.content_type, served.reference.digest + form.tag
    )
    response.vary.add("Accept")
    return response


@routes.get("/v1/models/<model:model>/tree/nodes/<int:node>")
def show_node(model: str, node: int) -> Response:
    """Return one node, the decisions that lead to it, and those in words."""
    served = _exposed(model)
    _refuse_region(served)
    nodes = len(served.model.tree.nodes)
    if node >= nodes:
        raise RequestError(
            NOT_IN_BUNDLE,
            f"the tree has no node {node}; its nodes are 0 to {nodes - 1}",
        )
    page = msgspec.json.encode(node_page(served.model, served.reference, node))
    return document_response(page, "application/json", served.reference.digest)


def _exposed(model: str) -> ServedModel:
    served = find_model(model)
    expose = served.model.manifest.expose
    if expose != "tree":
        raise RequestError(
            NOT_EXPOSED, f"model {model!r} hides its tree (its policy is {expose!r})"
        )
    return served


def _refuse_region(served: ServedModel) -> None:
    region = request.args.get("region")
    if region is not None:
        raise RequestError(
            INVALID_REQUEST,
            f"model {served.model.name!r} has one tree for all inputs, no regions",
            [
                Fault(
                    "?region", f"{region!r} is no region of this model", "leave it out"
                )
            ],
        )
