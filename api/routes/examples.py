"""Examples to try a model with: rows of its background sample."""

import msgspec
from flask import Blueprint, Response

from api.access import find_model
from api.example_documents import ExampleList, ExamplePage, example_list, example_page
from api.responses import document_response
from api.served_model import ServedModel

routes = Blueprint("examples", __name__)


@routes.get("/v1/models/<model:model>/examples")
def list_examples(model: str) -> Response:
    """List rows of the background sample with what network and tree answer there."""
    served = find_model(model)
    return _document(served, example_list(served.model, served.reference))


@routes.get("/v1/models/<model:model>/examples/<int:row>")
def show_example(model: str, row: int) -> Response:
    """Return one row of the background sample as an instance."""
    served = find_model(model)
    return _document(served, example_page(served.model, served.reference, row))


def _document(served: ServedModel, document: ExampleList | ExamplePage) -> Response:
    body = msgspec.json.encode(document)
    return document_response(body, "application/json", served.reference.digest)
