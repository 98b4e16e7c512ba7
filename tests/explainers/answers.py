"""Looking into answers: as bytes, and for numbers that are none."""

import dataclasses

import msgspec
import numpy as np
import orjson


def as_bytes(answer: object) -> bytes:
    """Return an answer as a client reads it."""
    return orjson.dumps(
        answer, default=msgspec.to_builtins, option=orjson.OPT_SERIALIZE_NUMPY
    )


def all_finite(value: object) -> bool:
    """Whether no number of an answer is NaN or infinite, however deep."""
    if isinstance(value, np.ndarray | float):
        return bool(np.isfinite(value).all())
    if isinstance(value, dict):
        return all(map(all_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(all_finite, value))
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return all(all_finite(getattr(value, name)) for name in names)
    return True
