"""Replies as JSON bytes; NaN and infinity never leave the server as null."""

import dataclasses
import math
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import orjson

from explainers.errors import NonFiniteError
from explainers.manifest import Estimate
from explainers.masks import all_finite

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


def encode(reply: Any) -> bytes:
    """Return a reply as JSON.

    Raises
    ------
    NonFiniteError
        Somewhere in it is NaN or infinity, which JSON cannot say.
    """
    raw = orjson.dumps(reply, default=_plain, option=_OPTIONS)
    # orjson writes NaN and infinity as null: only a reply with a null needs the walk.
    if b"null" in raw and not _is_finite(reply):
        raise NonFiniteError("a result is NaN or infinite")
    return raw


def _plain(value: Any) -> Any:
    """Return what orjson does not know in terms of what it knows."""
    if isinstance(value, Estimate):  # of the model, and so the same in every answer
        return _estimate(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


@lru_cache(maxsize=1024)
def _estimate(value: Estimate) -> dict[str, Any]:
    return msgspec.structs.asdict(value)


def _is_finite(value: Any) -> bool:
    kind = type(value)
    if kind in _NEVER_INFINITE:
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, np.ndarray | np.floating):
        return all_finite(value)
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(_is_finite(getattr(value, name)) for name in _field_names(kind))


# Fragments were encoded here, and checked, when they were stored.
_NEVER_INFINITE = {str, int, bool, type(None), orjson.Fragment}


def _field_names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass or Struct; none of what has no fields."""
    if kind not in _FIELDS:
        names: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
        if dataclasses.is_dataclass(kind):
            names = tuple(field.name for field in dataclasses.fields(kind))
        _FIELDS[kind] = names
    return _FIELDS[kind]


_FIELDS: dict[type, tuple[str, ...]] = {}
