"""The forms in which the tree is served, whole or of one region, by media type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from api.served_model import ServedModel
from api.tree_document import tree_reply
from explainers.manifest import TreeFeature
from explainers.rules import rules_as_text, tree_as_graphviz
from explainers.tree import DistilledTree, Region
from explainers.tree_svg import tree_as_svg


@dataclass(frozen=True)
class Form:
    """One representation; ``tag`` sets its ETag apart from the others'."""

    content_type: str
    tag: str
    render: Callable[[ServedModel, Region | None], bytes]


def _json(served: ServedModel, region: Region | None) -> bytes:
    if region is None:
        return served.tree
    return msgspec.json.encode(tree_reply(served.model, served.reference, region))


def _words(
    render: Callable[[DistilledTree, Sequence[TreeFeature], Sequence[str], int], str],
) -> Callable[[ServedModel, Region | None], bytes]:
    def words(served: ServedModel, region: Region | None) -> bytes:
        model, root = served.model, 0 if region is None else region.root
        columns = model.manifest.tree_features
        return render(model.tree, columns, model.classes, root).encode()

    return words


FORMS: dict[str, Form] = {
    "application/json": Form("application/json", "", _json),
    "text/plain": Form("text/plain; charset=utf-8", ".text", _words(rules_as_text)),
    "text/vnd.graphviz": Form(
        "text/vnd.graphviz; charset=utf-8", ".dot", _words(tree_as_graphviz)
    ),
    "image/svg+xml": Form("image/svg+xml; charset=utf-8", ".svg", _words(tree_as_svg)),
}
