"""Input tensors off the wire: JSON or raw bytes, checked against their shape."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from api.errors import RequestError
from api.problems import INVALID_REQUEST
from api.protocols.datatypes import BF16, BYTES, NUMPY
from api.protocols.messages import InferRequest, InputTensor
from api.request_body import NOT_JSON

Numbers: TypeAlias = NDArray[np.generic]

MAX_AXES = 8
SIZE = "binary_data_size"
_ELEMENT: TypeAlias = float | str | bool | None

# Knowing what to expect makes parsing a list twice as fast as asking each element.
_FLAT_NUMBERS = msgspec.json.Decoder(list[float | None])
_FLAT: dict[str, msgspec.json.Decoder[Any]] = {
    BYTES: msgspec.json.Decoder(list[str]),
    "BOOL": msgspec.json.Decoder(list[bool]),
}
_ANYTHING = msgspec.json.Decoder(list[Any])
_JSON_TYPES: dict[str, set[type]] = {"BOOL": {bool}, BYTES: {str}}
_JSON_NUMBERS: set[type] = {int, float, type(None)}


@dataclass(frozen=True)
class Tensor:
    """One tensor: numbers in its shape, or strings in a flat list."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Numbers | list[str]


def read_tensors(request: InferRequest, raw: bytes) -> dict[str, Tensor]:
    """Return the inputs by name.

    Parameters
    ----------
    raw : the binary tensors, one after the other in the order of the inputs.

    Raises
    ------
    RequestError
        A tensor that is not what it says, or bytes that belong to none.
    """
    tensors: dict[str, Tensor] = {}
    start = 0
    for given in request.inputs:
        if given.name in tensors:
            raise _refused(given, "is sent twice")
        _check(given)
        size = (given.parameters or {}).get(SIZE)
        if size is None:
            tensors[given.name] = _from_json(given)
            continue
        part = raw[start : start + _checked_size(given, size, len(raw) - start)]
        tensors[given.name] = _from_bytes(given, part)
        start += size
    if start != len(raw):
        raise RequestError(
            INVALID_REQUEST,
            f"{len(raw) - start} bytes after the JSON belong to no input ({SIZE})",
        )
    return tensors


def _check(given: InputTensor) -> None:
    if given.datatype not in NUMPY and given.datatype not in (BF16, BYTES):
        names = ", ".join([*NUMPY, BF16, BYTES])
        raise _refused(given, f"has datatype {given.datatype!r}; known are {names}")
    if not 1 <= len(given.shape) <= MAX_AXES or min(given.shape) < 0:
        raise _refused(
            given, f"has shape {given.shape}; expected 1 to {MAX_AXES} sizes"
        )
    has_data = memoryview(given.data).nbytes > 0
    if has_data == (SIZE in (given.parameters or {})):
        raise _refused(
            given,
            f"needs either `data` or the parameter `{SIZE}`"
            + ("" if has_data else " (shared memory is not supported)"),
        )


def _checked_size(given: InputTensor, size: object, left: int) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= left:
        raise _refused(
            given, f"has {SIZE} {size!r}; {left} bytes are left after the JSON"
        )
    return size


def _from_json(given: InputTensor) -> Tensor:
    if given.datatype == BF16:
        raise _refused(given, f"is {BF16}, which is sent as raw bytes only")
    try:
        flat = _flat(given)
    except msgspec.ValidationError as error:
        problem = str(error).replace("$", "data")
        raise _refused(given, f"is {given.datatype}: {problem}") from error
    except NOT_JSON as error:
        raise _refused(given, f"has data that is no JSON: {error}") from error
    count = math.prod(given.shape)
    if len(flat) != count:
        raise _refused(
            given, f"has {len(flat)} values, but shape {given.shape} needs {count}"
        )
    shape = tuple(given.shape)
    if given.datatype == BYTES:
        return Tensor(given.name, BYTES, shape, list(map(str, flat)))
    return Tensor(given.name, given.datatype, shape, _numbers(given, flat))


def _flat(given: InputTensor) -> Sequence[_ELEMENT]:
    """Return the elements, whether they came flat or nested as the shape is."""
    decoder = _FLAT.get(given.datatype, _FLAT_NUMBERS)
    values: list[Any]
    try:
        values = decoder.decode(given.data)
    except msgspec.ValidationError as error:
        values = _ANYTHING.decode(given.data)
        if not any(isinstance(part, list) for part in values):
            raise error
        values = _unnested(given, values)
    return values


def _unnested(given: InputTensor, values: list[Any]) -> list[Any]:
    for size in given.shape[1:]:
        if not all(isinstance(part, list) and len(part) == size for part in values):
            raise msgspec.ValidationError(f"not nested as shape {given.shape} says")
        values = list(chain.from_iterable(values))
    wanted = _JSON_TYPES.get(given.datatype, _JSON_NUMBERS)
    if not set(map(type, values)) <= wanted:
        names = " or ".join(sorted(kind.__name__ for kind in wanted))
        raise msgspec.ValidationError(f"every element must be {names}")
    return values


def _numbers(given: InputTensor, flat: Sequence[_ELEMENT]) -> Numbers:
    """Convert to what can hold it, or not at all: 1.5 is no integer, 300 no UINT8."""
    dtype = NUMPY[given.datatype]
    values = np.array(flat, dtype=np.float64)  # null becomes NaN
    if dtype.kind in "iu":
        limits = np.iinfo(dtype.name)
        # In double precision the largest 64-bit integer rounds up, hence < max + 1.
        inside = (values >= limits.min) & (values < float(limits.max) + 1)
        if not (inside & (np.floor(values) == values)).all():
            raise _refused(given, f"has values that are no {given.datatype}")
    if dtype == np.float16 and (np.abs(values) > np.finfo(np.float16).max).any():
        raise _refused(given, f"has values that are no {given.datatype}")
    # FP32 is rounded with FP64, where the model reads it: once, to single precision.
    if dtype.kind != "f" or dtype == np.float16:
        return values.astype(dtype).reshape(given.shape)
    return values.reshape(given.shape)


def _from_bytes(given: InputTensor, part: bytes) -> Tensor:
    shape = tuple(given.shape)
    count = math.prod(shape)
    if given.datatype == BYTES:
        return Tensor(given.name, BYTES, shape, _strings(given, part, count))
    is_bf16 = given.datatype == BF16
    dtype = NUMPY["UINT16" if is_bf16 else given.datatype]
    if len(part) != count * dtype.itemsize:
        raise _refused(
            given,
            f"has {len(part)} bytes, but shape {given.shape} of {given.datatype} needs "
            f"{count * dtype.itemsize}",
        )
    if dtype.kind == "b" and part.strip(b"\0\1"):
        raise _refused(given, "is BOOL, but has bytes other than 0 and 1")
    values = np.frombuffer(part, dtype).reshape(shape)
    if is_bf16:
        values = (values.astype("<u4") << 16).view("<f4")
    return Tensor(given.name, given.datatype, shape, values)


def _strings(given: InputTensor, part: bytes, count: int) -> list[str]:
    """Read length-prefixed strings: four bytes of length, then UTF-8."""
    strings: list[str] = []
    at = 0
    while at < len(part):
        if at + 4 > len(part):
            raise _refused(given, "ends within the length of a string")
        (length,) = struct.unpack_from("<I", part, at)
        at += 4
        if at + length > len(part):
            raise _refused(given, f"ends within a string of {length} bytes")
        try:
            strings.append(part[at : at + length].decode())
        except UnicodeDecodeError as error:
            raise _refused(given, f"has a string that is not UTF-8: {error}") from error
        at += length
    if len(strings) != count:
        raise _refused(
            given, f"has {len(strings)} strings, but shape {given.shape} needs {count}"
        )
    return strings


def _refused(given: InputTensor, problem: str) -> RequestError:
    return RequestError(INVALID_REQUEST, f"input {given.name!r} {problem}")
