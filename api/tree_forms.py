"""The forms in which the whole tree is served, by media type."""

from collections.abc import Callable
from dataclasses import dataclass

from api.served_model import ServedModel
from explainers.rules import rules_as_text, tree_as_graphviz
from explainers.tree_svg import tree_as_svg


@dataclass(frozen=True)
class Form:
    """One representation; ``tag`` sets its ETag apart from the others'."""

    content_type: str
    tag: str
    render: Callable[[ServedModel], bytes]


def _json(served: ServedModel) -> bytes:
    return served.tree


def _text(served: ServedModel) -> bytes:
    model = served.model
    return rules_as_text(
        model.tree, model.manifest.tree_features, model.classes
    ).encode()


def _graphviz(served: ServedModel) -> bytes:
    model = served.model
    return tree_as_graphviz(
        model.tree, model.manifest.tree_features, model.classes
    ).encode()


def _svg(served: ServedModel) -> bytes:
    model = served.model
    return tree_as_svg(model.tree, model.manifest.tree_features, model.classes).encode()


FORMS: dict[str, Form] = {
    "application/json": Form("application/json", "", _json),
    "text/plain": Form("text/plain; charset=utf-8", ".text", _text),
    "text/vnd.graphviz": Form("text/vnd.graphviz; charset=utf-8", ".dot", _graphviz),
    "image/svg+xml": Form("image/svg+xml; charset=utf-8", ".svg", _svg),
}
