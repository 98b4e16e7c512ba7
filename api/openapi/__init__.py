"""The OpenAPI 3.1 document, made from the routes, the shapes and the registry."""

from api.openapi.document import build_document

__all__ = ["build_document"]
