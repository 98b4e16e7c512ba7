"""Replies as JSON bytes; NaN and infinity never leave the server as null."""

import dataclasses
import math
from collections.abc import Callable
from functools import cache, lru_cache
from operator import attrgetter
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
    if kind is float:
        return math.isfinite(value)
    if kind in _NEVER_INFINITE:
        return True
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, np.ndarray | np.floating):
        return all_finite(value)
    return all(map(_is_finite, _read_fields(kind)(value)))  # type: ignore[arg-type]


# Fragments were encoded here, and checked, when they were stored.
_NEVER_INFINITE = {str, int, bool, type(None), orjson.Fragment}


@cache
def _read_fields(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads all fields of a dataclass or Struct, nothing of another."""
    names: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
    # Twice the first: of a single name attrgetter returns no tuple.
    return attrgetter(names[0], *names) if names else lambda _: ()
