"""How operators are written in ONNX where the exporter's own way is slow."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnxscript import opset20 as onnx_op


def max_pool_with_indices(
    inputs: Any,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Any, Any]:
    """Pool once: the largest values, and where each stands in its own channel.

    ONNX counts positions through the whole batch, torch through one channel. The
    exporter's own way pools every position a second time to find where each channel
    begins, a third of the time of a small network's gradient; the remainder is enough.
    """
    largest, at = onnx_op.MaxPool(
        inputs,
        ceil_mode=int(ceil_mode),
        dilations=list(dilation),
        kernel_shape=list(kernel_size),
        pads=[*padding, *padding],
        strides=list(stride or kernel_size),
    )
    channel = onnx_op.ReduceProd(onnx_op.Shape(inputs, start=2), keepdims=0)
    return largest, onnx_op.Mod(at, channel)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.max_pool2d_with_indices.default: max_pool_with_indices
}
