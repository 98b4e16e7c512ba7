"""JSON Schemas as a few words, for tables that people read."""

from collections.abc import Mapping
from typing import Any

MAX_CHOICES = 12


def type_as_text(schema: Mapping[str, Any]) -> str:
    """Return the type in words, such as ``array of number`` or ``string or null``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return _choices(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(type_as_text, schema[several])))
    kind = schema.get("type", "anything")
    if kind == "array" and schema.get("items"):
        return f"array of {type_as_text(schema['items'])}{_bounds(schema)}"
    if isinstance(kind, list):
        return " or ".join(kind) + _bounds(schema)
    return f"{kind}{_bounds(schema)}"


def _choices(values: list[Any]) -> str:
    shown = [repr(value) if value is not None else "null" for value in values]
    rest = len(shown) - MAX_CHOICES
    return " or ".join(shown[:MAX_CHOICES]) + (f" or {rest} more" if rest > 0 else "")


def _bounds(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    opening = "(" if "exclusiveMinimum" in schema or low is None else "["
    closing = ")" if "exclusiveMaximum" in schema or high is None else "]"
    return f" {opening}{_number(low)}, {_number(high)}{closing}"


def _number(value: float | None) -> str:
    return "..." if value is None else f"{value:g}" if value % 1 else str(int(value))
