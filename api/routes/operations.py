"""For operators."""

from flask import Blueprint, Response

from api.metrics import CONTENT_TYPE
from api.service import service

routes = Blueprint("operations", __name__)


@routes.get("/metrics")
def metrics() -> Response:
    """Return the metrics of all workers in Prometheus' text format."""
    return Response(service().metrics.render(), content_type=CONTENT_TYPE)
