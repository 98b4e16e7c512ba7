"""What one instance of a model may look like, as a JSON Schema."""

from typing import Any

from explainers.manifest import InputFeature
from explainers.model import Model

TOO_LARGE = 2.0**128 - 2.0**103
"""The smallest double that rounds to infinity in single precision."""

MAX_DESCRIBED = 128
"""Inputs with more features (pixels, say) are not described one by one."""


def instance_schema(model: Model) -> dict[str, Any]:
    """Return the schema of an instance: an array, or an object by feature name."""
    if model.manifest.family != "tabular":
        return {"type": "array", "description": f"An input of the model {model.name}."}
    features = model.manifest.input.features
    if len(features) > MAX_DESCRIBED:
        return _undescribed(len(features))
    values = {feature.name: _value_schema(feature) for feature in features}
    return {
        "description": f"An input of the model {model.name}.",
        "anyOf": [
            {
                "type": "array",
                "prefixItems": list(values.values()),
                "minItems": len(values),
                "maxItems": len(values),
            },
            {
                "type": "object",
                "properties": values,
                "required": list(values),
                "additionalProperties": False,
            },
        ],
    }


def _undescribed(columns: int) -> dict[str, Any]:
    scalar = {"type": ["number", "string", "null"]}
    return {
        "anyOf": [
            {
                "type": "array",
                "items": scalar,
                "minItems": columns,
                "maxItems": columns,
            },
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
