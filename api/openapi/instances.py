"""What one instance of a model may look like, as a JSON Schema."""

from collections.abc import Callable
from typing import Any

from api.pictures import B64
from explainers.manifest import Family, InputFeature, InputSchema
from explainers.model import Model

TOO_LARGE = 2.0**128 - 2.0**103
"""The smallest double that rounds to infinity in single precision."""

MAX_DESCRIBED = 128
"""Rows with more features are not described one by one."""


def instance_schema(model: Model) -> dict[str, Any]:
    """Return the schema of an instance of a model of any family."""
    schema = _BY_FAMILY[model.manifest.family](model.manifest.input)
    return {"description": f"An input of the model {model.name}."} | schema


def _sequence(schema: InputSchema) -> dict[str, Any]:
    """A list of steps, each like a row of a table."""
    return _array(_row(schema), 1, schema.shape[0]) | {"title": "steps, oldest first"}


def _picture(schema: InputSchema) -> dict[str, Any]:
    """Rows of pixels, or a file where the bundle says what white is."""
    rows = _pixels(schema)
    return {"anyOf": [rows, FILE]} if schema.picture else rows


FILE: dict[str, Any] = {
    "type": "object",
    "properties": {
        B64: {
            "type": "string",
            "contentEncoding": "base64",
            "description": "A PNG or JPEG file in base64.",
        }
    },
    "required": [B64],
    "additionalProperties": False,
}


def _pixels(schema: InputSchema) -> dict[str, Any]:
    """A pixel is a list of its channels' values, or its only value."""
    channels, height, width = schema.shape
    numbers = [_value_schema(feature) for feature in schema.features]
    pixel = _tuple(numbers)
    if channels == 1:
        pixel = {"anyOf": [numbers[0], pixel]}
    return _array(_array(pixel, width), height) | {"title": "rows, the top first"}


def _row(schema: InputSchema) -> dict[str, Any]:
    """An array in input order, or an object by feature name."""
    features = schema.features
    if len(features) > MAX_DESCRIBED:
        return _undescribed(len(features))
    values = {feature.name: _value_schema(feature) for feature in features}
    return {
        "anyOf": [
            _tuple(list(values.values())),
            {
                "type": "object",
                "properties": values,
                "required": list(values),
                "additionalProperties": False,
            },
        ],
    }


_BY_FAMILY: dict[Family, Callable[[InputSchema], dict[str, Any]]] = {
    "tabular": _row,
    "sequence": _sequence,
    "image": _picture,
}


def _array(
    items: dict[str, Any], least: int, most: int | None = None
) -> dict[str, Any]:
    most = least if most is None else most
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def _tuple(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "array",
        "prefixItems": items,
        "minItems": len(items),
        "maxItems": len(items),
    }


def _undescribed(columns: int) -> dict[str, Any]:
    scalar = {"type": ["number", "string", "null"]}
    return {
        "anyOf": [
            _array(scalar, columns),
            {
                "type": "object",
                "additionalProperties": scalar,
                "minProperties": columns,
            },
        ]
    }


def _value_schema(feature: InputFeature) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": feature.name}
    if feature.kind == "categorical":
        schema["enum"] = list(feature.categories)
        if feature.missing == "impute":
            schema["enum"].append(None)
        return schema
    schema |= {
        "type": "number",
        "exclusiveMinimum": -TOO_LARGE,
        "exclusiveMaximum": TOO_LARGE,
    }
    if feature.missing == "impute":
        schema["type"] = ["number", "null"]
    if feature.minimum is not None and feature.maximum is not None:
        unit = f" {feature.unit}" if feature.unit else ""
        schema["description"] = (
            f"{feature.minimum:g} to {feature.maximum:g}{unit} in training"
        )
    return schema
