"""The distilled tree: whole or by region, in four forms, and node by node."""

import msgspec
from flask import Blueprint, Response, request

from api.access import find_model
from api.errors import Fault, RequestError
from api.problems import NOT_ACCEPTABLE, NOT_EXPOSED, NOT_IN_BUNDLE
from api.responses import document_response
from api.served_model import ServedModel
from api.tree_document import node_page
from api.tree_forms import FORMS
from explainers.tree import Region

routes = Blueprint("tree", __name__)


@routes.get("/v1/models/<model:model>/tree")
def show_tree(model: str) -> Response:
    """Return the tree, or one region's, in the form that the client prefers."""
    served = _exposed(model)
    region = _region(served)
    chosen = "application/json"
    if request.headers.get("Accept", "").strip():
        chosen = request.accept_mimetypes.best_match(list(FORMS), "")
    if not chosen:
        raise RequestError(NOT_ACCEPTABLE, f"the tree comes as {', '.join(FORMS)}")
    form = FORMS[chosen]
    response = document_response(
        form.render(served, region),
        form.content_type,
        served.reference.digest + form.tag,
    )
    response.vary.add("Accept")
    return response


@routes.get("/v1/models/<model:model>/tree/nodes/<int:node>")
def show_node(model: str, node: int) -> Response:
    """Return one node, the decisions that lead to it, and those in words."""
    served = _exposed(model)
    region, tree = _region(served), served.model.tree
    if node >= len(tree.nodes):
        raise RequestError(
            NOT_IN_BUNDLE,
            f"the tree has no node {node}; its nodes are 0 to {len(tree.nodes) - 1}",
        )
    if region is not None and tree.region_of(node) != region:
        raise RequestError(
            NOT_IN_BUNDLE, f"node {node} is not in the region {region.name!r}"
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


def _region(served: ServedModel) -> Region | None:
    """Return the region that ``?region=`` names; None where it names none."""
    name = request.args.get("region")
    if name is None:
        return None
    regions = {region.name: region for region in served.model.tree.regions}
    if name not in regions:
        allowed = ", ".join(map(repr, regions)) or "none: leave it out"
        raise RequestError(
            NOT_IN_BUNDLE,
            f"{name!r} is no region of model {served.model.name!r}; regions: {allowed}",
            [Fault("?region", f"{name!r} is no region of this model", allowed)],
        )
    return regions[name]
