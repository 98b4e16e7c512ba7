"""Rows of tables as clients send them -> the float32 matrix that the graphs read.

Sequences and pictures: sequences.py, images.py; reading.py picks by the model's family.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np

from explainers.arrays import Inputs
from explainers.errors import InstanceError, UnseenCategoryError
from explainers.manifest import InputFeature, InputSchema
from explainers.masks import count_true

Value: TypeAlias = float | str | None
Instance: TypeAlias = Sequence[Value] | Mapping[str, Value]
"""Values in the order of the inputs, or by feature name."""

LARGEST = 3.4028234663852886e38
"""The largest finite single-precision number."""

UNSEEN = -1.0
"""The code of a category that training never saw: equal to none of the others."""

_SHOWN = 20


def encode_instances(
    schema: InputSchema, instances: Sequence[Instance], path: str = "$.instances"
) -> Inputs:
    """Return the input matrix: a category becomes its index, null becomes NaN.

    A category that training never saw becomes UNSEEN, unless the schema refuses it.

    Parameters
    ----------
    schema : the model's input schema (tabular).
    instances : lists in input order or objects by feature name; may be mixed.
    path : JSONPath of ``instances``, for messages.

    Returns
    -------
    [n, n_inputs] float32; finite but for NaN where the schema imputes missing values.

    Raises
    ------
    InstanceError
        A wrong number of values, an unknown or missing name, a value of the wrong type,
        out of float32's range, or null where training saw no missing value.
    """
    if not instances:
        raise InstanceError(path, "is empty", "send at least one instance")
    inputs = _all_numbers(schema, instances)
    if inputs is None:
        inputs = np.array(
            [
                encode_row(schema, instance, f"{path}[{i}]")
                for i, instance in enumerate(instances)
            ],
            dtype=np.float32,
        )
    return inputs


def as_sent(value: np.float32) -> float:
    """Return the shortest decimal that reads back as ``value``: 0.1471, and not the
    0.14710000157356262 that the same number is in double precision.
    """
    return float(str(value))


def decode_instance(schema: InputSchema, row: Inputs) -> list[Value]:
    """Return one row ([n_inputs] float32) as a client would send it."""
    values: list[Value] = []
    for feature, value in zip(schema.features, row, strict=True):
        if np.isnan(value):
            values.append(None)
        elif feature.kind == "categorical":
            values.append(category_name(feature, value))
        else:
            values.append(as_sent(value))
    return values


def category_name(feature: InputFeature, code: float) -> str | None:
    """Return the category of a code; None for one that training never saw."""
    return None if code == UNSEEN else feature.categories[int(code)]


def _all_numbers(schema: InputSchema, instances: Sequence[Instance]) -> Inputs | None:
    """Convert a plain matrix of numbers in one step; None when it is not one."""
    if schema.has_categories:
        return None
    try:
        types = set(map(type, chain.from_iterable(instances)))
        if not types <= {int, float}:  # numpy would read "1" and true as numbers
            return None
        matrix = np.array(instances, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # no lists, ragged, 10**400
        return None
    if matrix.shape[1:] != schema.shape:
        return None
    if count_true(np.abs(matrix) <= LARGEST) < matrix.size:  # too large, or NaN
        return None
    return matrix.astype(np.float32)


def encode_row(schema: InputSchema, instance: Instance, path: str) -> list[float]:
    """Return one row, or one step of a sequence; raises InstanceError."""
    features = schema.features
    if isinstance(instance, Mapping):
        _check_names(schema, instance, path)
        return [
            _encode_value(
                schema, feature, instance[feature.name], f"{path}[{feature.name!r}]"
            )
            for feature in features
        ]
    if isinstance(instance, str) or not isinstance(instance, Sequence):
        raise InstanceError(
            path,
            f"expected an array or an object, got {json_type(instance)}",
            f"send {len(features)} values in input order or an object by feature name",
        )
    if len(instance) != len(features):
        raise InstanceError(
            path,
            f"has {len(instance)} values",
            f"the model expects {len(features)}: {_shortened(_names(schema))}",
        )
    return [
        _encode_value(schema, feature, value, f"{path}[{i}]")
        for i, (feature, value) in enumerate(zip(features, instance, strict=True))
    ]


def _check_names(schema: InputSchema, instance: Mapping[str, Value], path: str) -> None:
    names = _names(schema)
    known = set(names)
    for name in instance:
        if name not in known:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else _shortened(names)
            raise InstanceError(path, f"unknown feature {name!r}", hint)
    missing = [name for name in names if name not in instance]
    if missing:
        raise InstanceError(
            path,
            f"lacks {_shortened([repr(name) for name in missing])}",
            "every feature must be named (null where a value may be missing)",
        )


def _encode_value(
    schema: InputSchema, feature: InputFeature, value: Value, path: str
) -> float:
    if value is None:
        if feature.missing == "impute":
            return math.nan
        raise InstanceError(
            path,
            f"{feature.name!r} is null",
            "this model was trained without missing values in this feature",
        )
    if feature.kind == "categorical":
        return _encode_category(schema, feature, value, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InstanceError(
            path, f"expected a number for {feature.name!r}, got {json_type(value)}"
        )
    with np.errstate(over="ignore"):
        single = float(np.float32(value)) if abs(value) < 1e300 else math.inf
    if not math.isfinite(single):
        raise InstanceError(
            path,
            f"{value!r} for {feature.name!r} is not a finite single-precision number",
            "magnitudes up to 3.4e38 are allowed",
        )
    return single


def _as_texts(value: Value) -> tuple[str, ...]:
    """Return how a table may have written a category: codes and truth values too."""
    if isinstance(value, bool):
        return (str(value), str(value).lower())
    if isinstance(value, float) and value.is_integer():
        return (repr(value), str(int(value)))
    return (str(value),)


def _encode_category(
    schema: InputSchema, feature: InputFeature, value: Value, path: str
) -> float:
    for text in _as_texts(value):
        if text in feature.categories:
            return float(feature.categories.index(text))
    is_text = isinstance(value, str | int | float)
    if is_text and schema.beyond_training == "warn":
        return UNSEEN
    shown = repr(value) if isinstance(value, str) else json_type(value)
    problem = f"{shown} is not a category of {feature.name!r}"
    allowed = f"allowed: {_shortened([repr(c) for c in feature.categories])}"
    if is_text:
        raise UnseenCategoryError(path, feature.name, problem, allowed)
    raise InstanceError(path, problem, allowed)


def _names(schema: InputSchema) -> list[str]:
    return [feature.name for feature in schema.features]


def _shortened(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def json_type(value: object) -> str:
    """Return what JSON calls a value, with its article."""
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "a boolean"),
        (str, "a string"),
        ((int, float), "a number"),
        (Mapping, "an object"),
        (Sequence, "an array"),
    ]
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
