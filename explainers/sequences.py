"""Sequences as clients send them -> one padded array and the lengths.

A sequence is a list of steps, the oldest first; a step holds its channels' values in
order, or by name. The answer is for the last step.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from explainers.errors import InstanceError
from explainers.instances import as_sent, encode_row, json_type
from explainers.manifest import InputSchema

MAX_PADDED_BYTES = 64 * 2**20
"""One long sequence pads all others of its batch: a small body may ask for a lot."""


def encode_sequences(
    schema: InputSchema, instances: Sequence[Any], path: str = "$.instances"
) -> tuple[Inputs, Indexes]:
    """Return the inputs and how many steps each row has.

    Parameters
    ----------
    schema : the model's input schema, of shape (most steps, n_channels).
    instances : lists of steps, or arrays [steps, n_channels]; of different lengths.
    path : JSONPath of ``instances``, for messages.

    Returns
    -------
    [n, longest, n_channels] float32, zero after each row's length; [n] int64.

    Raises
    ------
    InstanceError
        No instance, no step or too many, a step that does not fit the channels, or a
        batch that would be mostly padding and very large.
    """
    if not len(instances):
        raise InstanceError(path, "is empty", "send at least one instance")
    lengths = np.array(
        [
            _count_steps(schema, instance, f"{path}[{i}]")
            for i, instance in enumerate(instances)
        ],
        dtype=np.int64,
    )
    longest, channels = int(lengths.max()), schema.shape[1]
    if len(instances) * longest * channels * 4 > MAX_PADDED_BYTES:
        raise InstanceError(
            path,
            f"{len(instances)} sequences padded to {longest} steps are too large",
            "send long sequences in requests of their own",
        )
    inputs = np.zeros((len(instances), longest, channels), dtype=np.float32)
    for i, instance in enumerate(instances):
        inputs[i, : lengths[i]] = _encode_steps(schema, instance, f"{path}[{i}]")
    return inputs, lengths


def decode_sequence(row: Inputs, length: int) -> list[list[float]]:
    """Return one row, [steps, n_channels], as a client would send it."""
    return [[as_sent(value) for value in step] for step in row[:length]]


def _count_steps(schema: InputSchema, instance: Any, path: str) -> int:
    wanted = "send a list of steps, the oldest first"
    listed = isinstance(instance, Sequence) and not isinstance(instance, str)
    if not listed and not isinstance(instance, np.ndarray):
        raise InstanceError(
            path, f"expected an array of steps, got {json_type(instance)}", wanted
        )
    steps = len(instance)
    if not 1 <= steps <= schema.shape[0]:
        raise InstanceError(
            path,
            f"has {steps} steps",
            f"the model takes 1 to {schema.shape[0]}",
        )
    return steps


def _encode_steps(
    schema: InputSchema, instance: Any, path: str
) -> NDArray[np.float32] | list[list[float]]:
    """Return [steps, n_channels]."""
    numbers = _all_numbers(schema, instance)
    if numbers is not None:
        return numbers
    if isinstance(instance, np.ndarray):
        instance = instance.tolist()
    return [encode_row(schema, step, f"{path}[{i}]") for i, step in enumerate(instance)]


def _all_numbers(schema: InputSchema, instance: Any) -> NDArray[np.float32] | None:
    """Convert plain lists of numbers in one step; None where they are not that."""
    if schema.has_categories:
        return None
    try:
        if isinstance(instance, np.ndarray):
            if instance.dtype.kind not in "fiu":
                return None
        elif not set(map(type, chain.from_iterable(instance))) <= {int, float}:
            return None  # numpy would read "1" and true as numbers
        steps = np.array(instance, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # no lists, ragged, 10**400
        return None
    if steps.shape[1:] != schema.shape[1:]:
        return None
    with np.errstate(over="ignore"):
        single = steps.astype(np.float32)
    return single if np.isfinite(single).all() else None
