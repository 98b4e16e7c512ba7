"""Explanations as Arrow columns: one a field of the method's answer."""

from collections.abc import Sequence
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import msgspec.inspect as types
import numpy as np
import pyarrow as pa

from explainers.methods.base import Explainer

SCALARS: dict[type[types.Type], pa.DataType] = {
    types.BoolType: pa.bool_(),
    types.IntType: pa.int64(),
    types.FloatType: pa.float64(),
    types.StrType: pa.string(),
    types.LiteralType: pa.string(),
}


def fields_of(method: Explainer) -> dict[str, pa.DataType | None]:
    """Return each field of the method's answer with its Arrow type.

    None stands for what has none, such as a value that is a number or a name: it is
    written as JSON. The method's name is left out, it is in the column's.
    """
    described = types.type_info(method.result)
    if not isinstance(described, types.DataclassType):
        raise TypeError(f"{method.result} is not a dataclass")
    hints = get_type_hints(method.result)
    return {
        field.name: _array_type(hints[field.name]) or arrow_type(field.type)
        for field in described.fields
        if field.name != "method"
    }


def _array_type(hint: Any) -> pa.DataType | None:
    """Return the type of an array, which may be null; arrays of tables have one axis.

    msgspec tells of an array that it is one, but not of what.
    """
    arrays = [h for h in (hint, *get_args(hint)) if get_origin(h) is np.ndarray]
    if not arrays:
        return None
    _, dtype = get_args(arrays[0])  # shape, np.dtype[scalar]
    return pa.list_(pa.from_numpy_dtype(get_args(dtype)[0]))


def arrow_type(kind: types.Type) -> pa.DataType | None:
    """Return the Arrow type of a field that is no array."""
    if type(kind) in SCALARS:
        return SCALARS[type(kind)]
    if isinstance(kind, types.ListType):
        return _list_of(kind.item_type)
    if isinstance(kind, types.TupleType):
        return _list_of(kind.item_types[0])
    if isinstance(kind, types.UnionType):
        choices = [t for t in kind.types if not isinstance(t, types.NoneType)]
        return arrow_type(choices[0]) if len(choices) == 1 else None
    if isinstance(kind, types.DataclassType | types.StructType):
        members = [(field.name, arrow_type(field.type)) for field in kind.fields]
        return None if any(t is None for _, t in members) else pa.struct(members)
    return None


def _list_of(item: types.Type) -> pa.DataType | None:
    inner = arrow_type(item)
    return None if inner is None else pa.list_(inner)


def columns_of(method: Explainer, results: Sequence[Any]) -> dict[str, pa.Array]:
    """Return the columns ``method.field`` of one method's answers."""
    return {
        f"{method.name}.{name}": _column([getattr(r, name) for r in results], kind)
        for name, kind in fields_of(method).items()
    }


def _column(values: list[Any], kind: pa.DataType | None) -> pa.Array:
    if kind is None:
        texts = [msgspec.json.encode(v, enc_hook=_plain).decode() for v in values]
        return pa.array(texts, pa.string())
    if pa.types.is_nested(kind):
        values = [_nested(value) for value in values]
    return pa.array(values, kind)


def _nested(value: Any) -> Any:
    """Return what pyarrow reads: it knows arrays, but no dataclasses."""
    if isinstance(value, np.ndarray):
        return value
    return msgspec.to_builtins(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise NotImplementedError(f"{type(value)} in an explanation")
