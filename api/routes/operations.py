"""For operators."""

from flask import Blueprint, Response

from api.access import is_operator
from api.errors import RequestError
from api.metrics import CONTENT_TYPE
from api.problems import FORBIDDEN
from api.service import service

routes = Blueprint("operations", __name__)


@routes.get("/metrics")
def metrics() -> Response:
    """Return the metrics of all workers in Prometheus' text format."""
    if not is_operator():
        raise RequestError(
            FORBIDDEN,
            "the metrics tell of every model: they need a key whose models are '*', "
            "or '-' for none",
        )
    return Response(service().metrics.render(), content_type=CONTENT_TYPE)
