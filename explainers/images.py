"""Pictures as clients send them -> the float32 array that the graphs read.

A picture is a list of rows of pixels, the top first; a pixel is a number (one channel)
or a list of its channels' values. Values are raw, as in training: the graph scales.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Inputs
from explainers.errors import InstanceError
from explainers.instances import as_sent, json_type
from explainers.manifest import InputSchema


def encode_images(
    schema: InputSchema, instances: Sequence[Any], path: str = "$.instances"
) -> Inputs:
    """Return [n, n_channels, height, width] float32.

    Parameters
    ----------
    schema : the model's input schema, of shape (n_channels, height, width).
    instances : nested lists [height][width] (one channel) or
        [height][width][n_channels], or real arrays of that shape.
    path : JSONPath of ``instances``, for messages.

    Raises
    ------
    InstanceError
        No instance, another size, or a value that is no finite number.
    """
    if not len(instances):
        raise InstanceError(path, "is empty", "send at least one instance")
    return np.stack(
        [
            _encode(schema, instance, f"{path}[{i}]")
            for i, instance in enumerate(instances)
        ]
    )


def decode_image(row: Inputs) -> list[Any]:
    """Return one row, [n_channels, height, width], as a client would send it."""
    if len(row) == 1:
        return [[as_sent(value) for value in line] for line in row[0]]
    return [
        [[as_sent(value) for value in pixel] for pixel in line]
        for line in np.moveaxis(row, 0, -1)
    ]


def _encode(schema: InputSchema, instance: Any, path: str) -> NDArray[np.float32]:
    channels, height, width = schema.shape
    if isinstance(instance, np.ndarray):
        pixels = _from_array(schema, instance, path)
    else:
        sizes = (height, width) if channels == 1 else (height, width, channels)
        if channels == 1 and _has_channel_lists(instance):
            sizes = (height, width, 1)
        _check_nesting(instance, sizes, path)
        pixels = _to_floats(instance)
    with np.errstate(over="ignore"):
        single = pixels.reshape(height, width, channels).astype(np.float32)
    if not np.isfinite(single).all():
        at = np.argwhere(~np.isfinite(single))[0][: pixels.ndim]
        where = "".join(f"[{index}]" for index in at)
        raise InstanceError(
            path + where,
            "is not a finite single-precision number",
            "magnitudes up to 3.4e38 are allowed",
        )
    return np.ascontiguousarray(np.moveaxis(single, -1, 0))


def _to_floats(instance: Any) -> NDArray[np.float64]:
    """Return nested lists of numbers as an array; what is too large, as infinity."""
    try:
        return np.array(instance, dtype=np.float64)
    except OverflowError:  # an integer such as 10**400
        big = np.array(instance, dtype=object)
        return np.where(abs(big) > 1e300, np.inf, big).astype(np.float64)


def _from_array(
    schema: InputSchema, array: NDArray[Any], path: str
) -> NDArray[np.float64]:
    channels, height, width = schema.shape
    shapes = [(height, width, channels)] + ([(height, width)] if channels == 1 else [])
    if array.shape not in shapes or array.dtype.kind not in "fiu":
        raise InstanceError(
            path,
            f"an array {array.dtype} {list(array.shape)}",
            f"expected real numbers {list(shapes[-1])}",
        )
    return array.astype(np.float64)


def _has_channel_lists(instance: Any) -> bool:
    """Whether a picture of one channel is written with a list a pixel."""
    try:
        return isinstance(instance[0][0], Sequence)
    except (TypeError, IndexError, KeyError):
        return False


_LEVELS = ("rows of pixels", "pixels", "channels")


def _check_nesting(
    value: Any, sizes: tuple[int, ...], path: str, depth: int = 0
) -> None:
    """Refuse whatever is not nested lists of these sizes with numbers inside."""
    level = _LEVELS[depth]
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InstanceError(
            path,
            f"expected an array of {sizes[depth]} {level}, got {json_type(value)}",
        )
    if len(value) != sizes[depth]:
        raise InstanceError(
            path, f"has {len(value)} {level}", f"the model expects {sizes[depth]}"
        )
    last = depth + 1 == len(sizes)
    for i, item in enumerate(value):
        if not last:
            _check_nesting(item, sizes, f"{path}[{i}]", depth + 1)
        elif type(item) not in (int, float):
            raise InstanceError(
                f"{path}[{i}]", f"expected a number, got {json_type(item)}"
            )
