"""JSON Schemas (2020-12) of everything that is sent and answered."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from api.example_documents import ExampleList, ExamplePage
from api.limits import MAX_EXPLANATIONS, MAX_INSTANCES
from api.model_pages import parameters_schema
from api.openapi import inference_v2
from api.openapi.instances import instance_schema
from api.schemas import (
    ExplainReply,
    JobPage,
    MethodList,
    ModelList,
    ModelPage,
    PredictReply,
)
from api.tree_document import NodePage, TreeReply
from api.uploads import FILES
from explainers.methods.base import Explainer
from explainers.model import Model
from explainers.registry import EXPLAINERS

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
_REPLIES = (
    ModelList, ModelPage, MethodList, PredictReply, ExplainReply, TreeReply, NodePage,
    JobPage,
    ExampleList, ExamplePage,
)  # fmt: skip


def reference(name: str) -> Schema:
    """Return a pointer to a named schema."""
    return {"$ref": REFERENCE.format(name=name)}


def build_schemas(models: Mapping[str, Model]) -> dict[str, Schema]:
    """Return every named schema, for the models that are served."""
    deepest = max((len(m.manifest.input.shape) for m in models.values()), default=3)
    results = [method.result for method in EXPLAINERS.values()]
    schemas = _components(results, deepest) | _components(_REPLIES, 1)
    schemas |= _method_schemas(models.values(), schemas)
    schemas["ExplainReply"]["properties"]["explanations"] = _lists_of_explanations()
    schemas |= {f"Instance.{n}": instance_schema(m) for n, m in models.items()}
    schemas |= _requests(models) | _small_schemas() | inference_v2.build_schemas()
    return schemas


def _components(kinds: Iterable[type], deepest: int) -> dict[str, Schema]:
    """Return the schemas of Structs and dataclasses by name.

    Parameters
    ----------
    deepest : arrays hold numbers, or lists of numbers, and so on down to this depth.
    """

    def array_schema(kind: type) -> Schema:
        if kind is not np.ndarray:
            raise NotImplementedError(f"no JSON Schema for {kind}")
        nested: list[Schema] = [{"type": "number"}]
        for _ in range(deepest):
            nested.append({"type": "array", "items": nested[-1]})
        return nested[1] if deepest == 1 else {"anyOf": nested[1:]}

    _, components = msgspec.json.schema_components(
        kinds, schema_hook=array_schema, ref_template=REFERENCE
    )
    return {name: _tidy(schema) for name, schema in components.items()}


def _tidy(value: Any) -> Any:
    """Turn docstrings into descriptions: one line each, in Markdown.

    Of tuples, ``items: false`` goes: ``maxItems`` says it too, and generators of
    clients expect a schema there. A list of anything says so: they leave out whatever
    has a list without ``items``.
    """
    if isinstance(value, dict):
        if value.get("type") == "array" and not {"items", "prefixItems"} & set(value):
            value = {**value, "items": {}}
        return {
            key: _one_line(inner)
            if key == "description" and isinstance(inner, str)
            else _tidy(inner)
            for key, inner in value.items()
            if not (key == "items" and inner is False)
        }
    return [_tidy(inner) for inner in value] if isinstance(value, list) else value


def _one_line(text: str) -> str:
    return " ".join(inspect.cleandoc(text).replace("``", "`").split())


def camel(name: str) -> str:
    """Return a method's name as schemas are named: tree_path -> TreePath."""
    return "".join(word.capitalize() for word in name.split("_"))


def _method_schemas(
    models: Iterable[Model], results: Mapping[str, Schema]
) -> dict[str, Schema]:
    schemas: dict[str, Schema] = {}
    target = _target_schema(models)
    for name, method in EXPLAINERS.items():
        schemas[f"{camel(name)}Request"] = _request_of(method, target)
        schemas[f"{camel(name)}Explanation"] = _explanation_of(
            method, results[method.result.__name__]
        )
    for suffix in ("Request", "Explanation"):
        names = {name: f"{camel(name)}{suffix}" for name in EXPLAINERS}
        schemas[f"Any{suffix}"] = {
            "oneOf": [reference(schema) for schema in names.values()],
            "discriminator": {
                "propertyName": "method",
                "mapping": {n: reference(s)["$ref"] for n, s in names.items()},
            },
        }
    return schemas


def _explanation_of(method: Explainer, result: Schema) -> Schema:
    """Return a result with its method's name: whole, since generators of clients do not
    narrow a string by ``allOf``.
    """
    properties = result["properties"] | {"method": {"const": method.name}}
    return result | {
        "title": f"{camel(method.name)}Explanation",
        "description": method.summary,
        "properties": properties,
    }


def _target_schema(models: Iterable[Model]) -> Schema:
    """A class of a served model: by name, by index, or null for the predicted one."""
    classes = [model.classes for model in models]
    most = max(map(len, classes), default=1)
    names = sorted({name for some in classes for name in some})
    choices: list[Schema] = [{"type": "integer", "minimum": 0, "maximum": most - 1}]
    if names:
        choices.append({"enum": names})
    return {"anyOf": [*choices, {"type": "null"}]}


def _request_of(method: Explainer, target: Schema) -> Schema:
    schema = _tidy(parameters_schema(method))
    properties = {"method": {"const": method.name}, **schema["properties"]}
    if "target" in properties:
        properties["target"] = properties["target"] | target
    return {
        "description": method.summary,
        "type": "object",
        "properties": properties,
        "required": ["method"],
        "additionalProperties": False,
    }


def _lists_of_explanations() -> Schema:
    inner = {"type": "array", "items": reference("AnyExplanation")}
    return {"type": "array", "items": inner}


def _requests(models: Mapping[str, Model]) -> dict[str, Schema]:
    one_of_ours = {"anyOf": [reference(f"Instance.{name}") for name in models]}
    instances = {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_INSTANCES,
        "items": one_of_ours if models else {},
        "description": "Each one as values in input order or as an object by name; a "
        "sequence as a list of such steps, a picture as rows of pixels.",
    }
    explanations = {
        "type": ["array", "null"],
        "maxItems": MAX_EXPLANATIONS,
        "items": {"anyOf": [{"enum": list(EXPLAINERS)}, reference("AnyRequest")]},
        "description": "What to explain by; without it, the tree's path.",
    }
    seed = {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": 2**32 - 1,
        "description": "Default seed of every method that takes one; "
        "the others ignore it.",
    }
    return {
        "PredictRequest": _object({"instances": instances}, ["instances"]),
        "ExplainRequest": _object(
            {"instances": instances, "explanations": explanations, "seed": seed},
            ["instances"],
        ),
    }


def _object(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _small_schemas() -> dict[str, Schema]:
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    fault = _object(
        {"path": text, "problem": text, "allowed": maybe},
        ["path", "problem", "allowed"],
    )
    bundle = {
        "name": text,
        "ready": {"type": "boolean"},
        "digest": maybe,
        "reason": maybe,
    }
    key_file = {"setting": text, "reason": text}
    problem = {
        "type": {"type": "string", "format": "uri-reference"},
        "title": text,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": text,
        "instance": {"type": "string", "description": "The path that was asked for."},
        "request_id": text,
        "errors": {"type": "array", "items": fault},
        "error": {"type": "string", "description": "The same as detail."},
    }
    return {
        "Problem": {"type": "object", "properties": problem, "required": list(problem)},
        "Alive": _object({"status": {"const": "alive"}}, ["status"]),
        "Live": _object({"live": {"const": True}}, ["live"]),
        "Ready": _object(
            {
                "ready": {"const": True},
                "models": {"type": "array", "items": _object(bundle, list(bundle))},
                "key_files": {
                    "type": "array",
                    "items": _object(key_file, list(key_file)),
                },
            },
            ["ready"],
        ),
        "PictureForm": {
            "type": "object",
            "properties": {FILES: {"type": "array", "minItems": 1, "items": {}}},
            "required": [FILES],
            "description": "Each PNG or JPEG file as a part named `instances`; other "
            "fields of the JSON body as parts that hold JSON.",
        },
        "Anything": {},
    }
