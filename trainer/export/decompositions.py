"""How backward operators are written in operators that ONNX has."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions

aten: Any = torch.ops.aten

_BACKWARD = [
    "threshold_backward",
    "gelu_backward",
    "native_layer_norm_backward",
    "native_batch_norm_backward",
    "_softmax_backward_data",
    "_log_softmax_backward_data",
    "silu_backward",
    "sigmoid_backward",
    "tanh_backward",
    "elu_backward",
    "leaky_relu_backward",
    "hardtanh_backward",
    "select_backward",
    "slice_backward",
]


def decomposition_table() -> dict[Any, Callable[..., Any]]:
    """Return the table for ``make_fx``: torch's own decompositions and ours."""
    table = dict(core_aten_decompositions())
    table.update(get_decompositions([getattr(aten, name) for name in _BACKWARD]))
    table[aten.constant_pad_nd.default] = _constant_pad
    table[aten.convolution_backward.default] = _convolution_backward
    table[aten.max_pool2d_with_indices_backward.default] = _max_pool_backward
    table[aten.avg_pool2d_backward.default] = _avg_pool_backward
    return table


def _convolution_backward(
    grad_output: Tensor,
    inputs: Tensor,
    weight: Tensor,
    bias_sizes: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> tuple[Tensor | None, None, None]:
    """Return the gradient by the input alone: the weights are constants here.

    It is a transposed convolution of ``grad_output`` with the same weights.
    """
    if not output_mask[0]:
        return None, None, None
    if transposed:
        raise NotImplementedError("the gradient of a transposed convolution")
    spatial = range(weight.dim() - 2)
    kernel, size, out = weight.shape[2:], inputs.shape[2:], grad_output.shape[2:]
    extra = [
        size[i]
        - (
            (out[i] - 1) * stride[i]
            - 2 * padding[i]
            + dilation[i] * (kernel[i] - 1)
            + 1
        )
        for i in spatial
    ]
    gradient = aten.convolution(
        grad_output, weight, None, stride, padding, dilation, True, extra, groups
    )
    return gradient, None, None


def _max_pool_backward(
    grad_output: Tensor,
    inputs: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
    indices: Tensor,
) -> Tensor:
    """Send each gradient to the position that was the largest."""
    flat = torch.zeros_like(inputs).flatten(2)
    scattered = flat.scatter_add(2, indices.flatten(2), grad_output.flatten(2))
    return scattered.view(inputs.shape)


def _constant_pad(inputs: Tensor, pad: list[int], value: float = 0.0) -> Tensor:
    """Pad, or crop by negative numbers; torch's own way here fixes the batch size.

    ``pad`` holds two numbers an axis, the last axis first.
    """
    for i in range(len(pad) // 2):
        axis = inputs.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        size = inputs.shape[axis] + min(before, 0) + min(after, 0)
        line = [torch.full_like(inputs.narrow(axis, 0, 1), value)]
        kept = inputs.narrow(axis, max(-before, 0), size)
        inputs = torch.cat([*line * max(before, 0), kept, *line * max(after, 0)], axis)
    return inputs


def _avg_pool_backward(
    grad_output: Tensor,
    inputs: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    """Spread each gradient evenly over its window, channel by channel."""
    if ceil_mode or (any(padding) and not count_include_pad):
        raise NotImplementedError("average pooling with ceil_mode or uncounted padding")
    stride = stride or kernel_size
    channels = inputs.shape[1]
    area = divisor_override or kernel_size[0] * kernel_size[1]
    kernel = torch.full(
        (channels, 1, *kernel_size), 1.0 / area, dtype=grad_output.dtype
    )
    out, size = grad_output.shape[2:], inputs.shape[2:]
    extra = [
        size[i] - ((out[i] - 1) * stride[i] - 2 * padding[i] + kernel_size[i])
        for i in range(2)
    ]
    return torch.nn.functional.conv_transpose2d(
        grad_output, kernel, None, stride, padding, extra, channels
    )
