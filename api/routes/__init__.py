"""The routes, one blueprint a subject: each decodes, calls and encodes."""

from api.routes import (
    answers,
    docs,
    documents,
    health,
    index,
    models,
    operations,
    tree,
)

BLUEPRINTS = (
    index.routes,
    models.routes,
    answers.routes,
    tree.routes,
    documents.routes,
    health.routes,
    operations.routes,
    docs.routes,
)

__all__ = ["BLUEPRINTS"]
