"""From input tensors to what the model reads: one matrix, or one tensor a feature."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from api.errors import RequestError
from api.limits import MAX_INSTANCES
from api.problems import INVALID_REQUEST
from api.protocols.datatypes import BYTES
from api.protocols.input_tensors import Tensor
from api.training_range import Sent
from explainers.arrays import Indexes, Inputs
from explainers.errors import InstanceError
from explainers.instances import LARGEST, Value, encode_instances
from explainers.manifest import Manifest
from explainers.masks import all_finite, count_true
from explainers.model import Model

INPUT = "input"
LENGTHS = "lengths"
"""Steps of each sequence, beside ``input``; without it every step counts."""


def read_inputs(
    model: Model, tensors: Mapping[str, Tensor]
) -> tuple[Inputs, Indexes | None]:
    """Return the model's input ([n, *shape] float32) and the lengths of sequences.

    Raises
    ------
    RequestError
        A tensor is missing, unknown or of the wrong shape.
    InstanceError
        A value does not fit its feature.
    """
    if INPUT in tensors and not model.manifest.input.has_categories:
        return _one_tensor(model.manifest, tensors)
    if model.manifest.family != "tabular":
        raise _refused(f"expected one input tensor {INPUT!r}, {_found(tensors)}")
    return _by_feature(model, tensors), None


def sent_as(model: Model, tensors: Mapping[str, Tensor]) -> Sent:
    """Look values up in tensors: categories come as one tensor a feature."""
    features = model.manifest.input.features
    return lambda at: tensors[features[at[-1]].name].values[at[0]]


def _one_tensor(
    manifest: Manifest, tensors: Mapping[str, Tensor]
) -> tuple[Inputs, Indexes | None]:
    schema = manifest.input
    is_sequence = manifest.family == "sequence"
    for name in tensors:
        if name != INPUT and not (is_sequence and name == LENGTHS):
            raise _refused(f"input {name!r} is not an input of this model")
    tensor = tensors[INPUT]
    _check_shape(manifest, tensor)
    if isinstance(tensor.values, list):
        raise _refused(f"input {INPUT!r} is {BYTES}; send numbers, such as FP32")
    if is_sequence:
        return _sequences(tensor.values, tensors.get(LENGTHS))
    inputs = _single_precision(tensor.values)
    if inputs is None and manifest.family == "image":
        raise _not_finite(tensor.values)
    if inputs is None:  # a missing value, or one that does not fit and is named
        inputs = encode_instances(schema, _rows(tensor.values), INPUT)
    return inputs, None


def _sequences(
    values: NDArray[np.generic], lengths: Tensor | None
) -> tuple[Inputs, Indexes]:
    """Return the steps, zero after each sequence's length whatever was sent there."""
    n, steps = values.shape[:2]
    counts = np.full(n, steps) if lengths is None else _read_lengths(lengths, n, steps)
    counted = (np.arange(steps) < counts[:, None])[:, :, None]
    values = np.where(counted, values, 0)
    inputs = _single_precision(values)
    if inputs is None:
        raise _not_finite(values)
    return inputs, counts


def _single_precision(values: NDArray[np.generic]) -> Inputs | None:
    """Return the values as float32; None when one is NaN or too large."""
    if values.dtype == np.float64:
        fits = count_true(np.abs(values) <= LARGEST) == values.size
        return values.astype(np.float32) if fits else None
    inputs = np.ascontiguousarray(values, dtype=np.float32)
    return inputs if all_finite(inputs) else None


def _check_shape(manifest: Manifest, tensor: Tensor) -> None:
    shape, expected = tensor.shape, manifest.input.shape
    _check_count(shape[0])
    inner = shape[1:]
    fits = inner == expected
    if manifest.family == "sequence" and len(inner) == 2:
        fits = inner[1] == expected[1] and 1 <= inner[0] <= expected[0]
    if not fits:
        sizes = ", ".join(map(str, expected))
        raise _refused(f"input {INPUT!r} has shape {list(shape)}, not [n, {sizes}]")


def _check_count(rows: int) -> None:
    if not 1 <= rows <= MAX_INSTANCES:
        raise _refused(f"there are {rows} rows; send 1 to {MAX_INSTANCES}")


def _rows(matrix: NDArray[np.generic]) -> list[list[Value]]:
    """Return rows as clients of the native API send them: NaN becomes null."""
    if matrix.dtype.kind == "b":
        matrix = matrix.astype(np.uint8)
    return [
        [None if value != value else value for value in row]
        for row in cast(list[list[float]], matrix.tolist())
    ]


def _read_lengths(tensor: Tensor, rows: int, steps: int) -> Indexes:
    values = tensor.values
    if isinstance(values, list) or values.dtype.kind not in "iu":
        raise _refused(f"input {LENGTHS!r} is {tensor.datatype}; send INT64")
    lengths = values.reshape(-1).astype(np.int64)
    if len(lengths) != rows or lengths.min() < 1 or lengths.max() > steps:
        raise _refused(f"input {LENGTHS!r} must hold {rows} numbers from 1 to {steps}")
    return lengths


def _not_finite(values: NDArray[np.generic]) -> InstanceError:
    """Name the first value that is no finite float32; there is one."""
    at = tuple(np.argwhere(~(np.abs(values) <= LARGEST))[0].tolist())
    return InstanceError(
        INPUT + "".join(f"[{i}]" for i in at),
        f"{values[at]} is not a finite single-precision number",
        "magnitudes up to 3.4e38 are allowed",
    )


def _by_feature(model: Model, tensors: Mapping[str, Tensor]) -> Inputs:
    schema = model.manifest.input
    names = [feature.name for feature in schema.features]
    if set(tensors) != set(names):
        missing = [name for name in names if name not in tensors][:5]
        unknown = sorted(set(tensors) - set(names))[:5]
        one = (
            "" if model.manifest.input.has_categories else f"one tensor {INPUT!r}, or "
        )
        raise _refused(
            f"expected {one}one tensor a feature (missing: {missing}, not of this "
            f"model: {unknown})"
        )
    rows = tensors[names[0]].shape[0]
    _check_count(rows)
    columns = [_column(tensors[name], rows) for name in names]
    instances = [list(row) for row in zip(*columns, strict=True)]
    return encode_instances(schema, instances, INPUT)


def _column(tensor: Tensor, rows: int) -> list[Any]:
    if tensor.shape not in ((rows,), (rows, 1)):
        raise _refused(
            f"input {tensor.name!r} has shape {list(tensor.shape)}; with the first "
            f"feature's {rows} rows it must be [{rows}] or [{rows}, 1]"
        )
    if isinstance(tensor.values, list):
        return tensor.values
    return [row[0] for row in _rows(tensor.values.reshape(-1, 1))]


def _found(tensors: Mapping[str, Tensor]) -> str:
    return f"found {sorted(tensors)[:5]}"


def _refused(problem: str) -> RequestError:
    return RequestError(INVALID_REQUEST, problem)
