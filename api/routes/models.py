"""Which models there are, what each is, and how each can be explained."""

import msgspec
from flask import Blueprint, Response

from api.access import find_model, may_use
from api.responses import json_response
from api.schemas import ModelList
from api.service import service

routes = Blueprint("models", __name__)


@routes.get("/v1/models")
def list_models() -> Response:
    """List the models that this caller may use."""
    models = service().store.models
    names = sorted(filter(may_use, models))
    listed = ModelList(models=names, details=[models[n].summary for n in names])
    return json_response(msgspec.json.encode(listed))


@routes.get("/v1/models/<model:model>")
def show_model(model: str) -> Response:
    """Show inputs, classes, metrics and methods of a model."""
    return json_response(find_model(model).page)


@routes.get("/v1/models/<model:model>/methods")
def list_methods(model: str) -> Response:
    """List the explanation methods with their parameters."""
    return json_response(find_model(model).methods)
