"""The document itself: paths from the application's routes, the rest by reference."""

import inspect
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from api import problems
from api.examples import is_shown
from api.openapi import inference_v2, operations
from api.openapi.examples import EXAMPLES
from api.openapi.operations import JSON, PROBLEM_HEADERS, RATE_LIMIT, Operation
from api.openapi.parameters import HEADERS, PARAMETERS, path_parameter
from api.openapi.schemas import build_schemas, reference
from api.problems import Kind
from api.protocols.errors import speaks_v2, v2_status
from api.uploads import FORM
from api.uri_templates import template
from api.version import VERSION
from explainers.model import Model

OPENAPI = "3.1.0"
PROBLEM = "application/problem+json"

_DESCRIPTION = """\
Predictions of neural networks with explanations: the path through a small tree that was
distilled from the network (with the share of unseen inputs on which the two agree), and
attributions by several methods. Every error is a problem (RFC 9457)."""

OPERATIONS = operations.OPERATIONS | inference_v2.OPERATIONS
TAGS = operations.TAGS | inference_v2.TAGS
UPLOADS = ("answers.predict", "answers.explain")
"""Endpoints that take pictures as the files of a form too."""

_METHODS = ("post", "delete", "get")
_EVERYWHERE = (problems.BAD_REQUEST, problems.INTERNAL)


def build_document(
    app: Flask, models: Mapping[str, Model], *, keyed: bool
) -> dict[str, Any]:
    """Describe every route of the application.

    Parameters
    ----------
    models : the served models; their inputs and classes become schemas and examples.
    keyed : whether the server asks for API keys; it then names no models here, because
        a key may not open all of them.
    """
    shown = {} if keyed else models
    paths: dict[str, Any] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        item = _operation(rule, inspect.getdoc(view) or "", shown, keyed)
        method = next(m for m in _METHODS if m.upper() in (rule.methods or ()))
        paths.setdefault(template(rule.rule), {})[method] = item
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Leafpath",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": n, "description": text} for n, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": build_schemas(shown),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    rule: Rule, doc: str, models: Mapping[str, Model], keyed: bool
) -> dict[str, Any]:
    operation = OPERATIONS[rule.endpoint]
    parameters = [path_parameter(name, models) for name in sorted(rule.arguments)]
    parameters += [
        {"$ref": f"#/components/parameters/{name}"} for name in operation.parameters
    ]
    item: dict[str, Any] = {
        "operationId": _operation_id(rule),
        "summary": doc.partition("\n")[0],
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": _responses(operation, keyed, is_v2=speaks_v2(rule.rule)),
    }
    if operation.body is not None:
        item["requestBody"] = _body(operation.body, models)
        if rule.endpoint in UPLOADS and any(map(_takes_files, models.values())):
            item["requestBody"]["content"][FORM] = {"schema": reference("PictureForm")}
    if keyed and not operation.is_open:
        item["security"] = [{"key": []}]
    return item


def _body(schema: str, models: Mapping[str, Model]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": reference(schema)}
    examples = {
        name: {"value": EXAMPLES[schema](model)}
        for name, model in sorted(models.items())
        if is_shown(model.manifest.input)
    }
    if examples:
        content["examples"] = examples
    return {"required": True, "content": {JSON: content}}


def _takes_files(model: Model) -> bool:
    return bool(model.manifest.input.picture)


def _operation_id(rule: Rule) -> str:
    """Name an operation; one view may have several paths."""
    name = str(rule.endpoint).replace(".", "_")
    if rule.rule.endswith("/unload"):
        return f"{name}_unload"
    if rule.rule == "/v2/models/stats":
        return f"{name}_of_all"
    return name + ("_of_version" if "version" in rule.arguments else "")


def _responses(operation: Operation, keyed: bool, *, is_v2: bool) -> dict[str, Any]:
    is_charged = problems.QUOTA_EXCEEDED in operation.problems
    quota = RATE_LIMIT if is_charged else ()
    good: dict[str, Any] = {
        "description": "The answer.",
        "headers": _headers("XRequestId", *operation.headers, *quota),
    }
    if operation.status == 200:
        good["content"] = {
            media_type: {"schema": reference(schema) if schema else {"type": "string"}}
            for media_type, schema in operation.answers.items()
        }
    responses = {str(operation.status): good}
    if operation.accepted is not None:
        responses["202"] = _accepted(operation.accepted)
    if "ETag" in operation.headers:
        responses["304"] = {"description": "The client has the current document."}
    kinds = [*_EVERYWHERE, *operation.problems]
    if keyed and not operation.is_open:
        kinds.append(problems.UNAUTHENTICATED)
    return responses | _problem_responses(kinds, is_v2=is_v2)


def _accepted(schema: str) -> dict[str, Any]:
    return {
        "description": "The job that will have the answer, at `Location`.",
        "headers": _headers("XRequestId", "Location", "RetryAfter", *RATE_LIMIT),
        "content": {JSON: {"schema": reference(schema)}},
    }


HEADERS_BY_NAME = {
    "Location": "Location",
    "RetryAfter": "Retry-After",
    "RateLimitPolicy": "RateLimit-Policy",
    "RateLimit": "RateLimit",
    "XRequestId": "X-Request-Id",
    "XCache": "X-Cache",
    "Age": "Age",
    "ETag": "ETag",
    "JsonLength": "Inference-Header-Content-Length",
}


def _headers(*names: str) -> dict[str, Any]:
    return {
        HEADERS_BY_NAME[name]: {"$ref": f"#/components/headers/{name}"}
        for name in names
    }


def _problem_responses(kinds: list[Kind], *, is_v2: bool) -> dict[str, Any]:
    media_type, schema = (JSON, "Error") if is_v2 else (PROBLEM, "Problem")
    by_status: dict[int, list[Kind]] = {}
    for kind in sorted(kinds, key=lambda kind: kind.status):
        status = v2_status(kind) if is_v2 else kind.status
        by_status.setdefault(status, []).append(kind)
    responses: dict[str, Any] = {}
    for status, same in by_status.items():
        described = responses[str(status)] = {
            "description": " ".join(f"`{k.slug}`: {k.meaning}" for k in same),
            "content": {media_type: {"schema": reference(schema)}},
        }
        names = [name for kind in same for name in PROBLEM_HEADERS.get(kind, ())]
        if names:
            described["headers"] = _headers(*names)
    return responses
