"""The routes, one blueprint a subject: each decodes, calls and encodes."""

from api.routes import (
    answers,
    docs,
    documents,
    examples,
    health,
    index,
    inference_v2,
    inspector,
    jobs,
    models,
    operations,
    sagemaker,
    tree,
)

BLUEPRINTS = (
    index.routes,
    inspector.routes,
    models.routes,
    answers.routes,
    jobs.routes,
    inference_v2.routes,
    sagemaker.routes,
    tree.routes,
    documents.routes,
    examples.routes,
    health.routes,
    operations.routes,
    docs.routes,
)

__all__ = ["BLUEPRINTS"]
