"""Exporting a gradient: the backward pass as a graph that needs no torch to run.

The backward pass is traced into ordinary operators (make_fx under fake tensors with a
symbolic batch), its backward operators are decomposed, and the result is exported like
any forward pass. Autograd's graph cannot be exported directly.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import (
    DimDynamic,
    ShapeEnv,
    StatelessSymbolicContext,
)
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainer.errors import ExportError, GradientExportError
from trainer.export.decompositions import decomposition_table
from trainer.export.graphs import EXAMPLE_ROWS, export_graph, quiet, root_cause
from trainer.export.recurrent_scan import portable

Jacobian: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
"""A network's forward pass -> (features, target, *rest) -> two tensors, the gradient
last: ``vector_jacobian`` or ``map_jacobian``."""


def vector_jacobian(forward: Callable[..., Tensor]) -> Callable[..., Any]:
    """Return (features, target, *rest) -> (logits, d logits[target] / d features)."""

    def differentiate(
        features: Tensor, target: Tensor, *rest: Tensor
    ) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = features.detach().requires_grad_(True)
            logits = forward(x, *rest)
            return logits.detach(), _derivative(logits, target, x)

    return differentiate


def map_jacobian(forward: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., Any]:
    """Return (inputs, target) -> (map, d logits[target] / d map).

    Parameters
    ----------
    forward : inputs -> (logits, map), as ``families.feature_map.WithMap``.
    """

    def differentiate(inputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            logits, kept = forward(inputs.detach().requires_grad_(True))
            return kept.detach(), _derivative(logits, target, kept)

    return differentiate


def _derivative(logits: Tensor, target: Tensor, variable: Tensor) -> Tensor:
    """Return d logits[target] / d variable, of the variable's shape."""
    classes = torch.arange(logits.shape[1], device=logits.device)
    chosen = (target[:, None] == classes).to(logits.dtype)  # [n, n_classes]
    (gradient,) = torch.autograd.grad(logits, [variable], grad_outputs=chosen)
    return gradient


def export_gradient(
    network: nn.Module,
    example: Tensor,
    input_name: str,
    lengths: Tensor | None = None,
    *,
    outputs: Sequence[str] = ("logits", "gradient"),
    jacobian: Jacobian = vector_jacobian,
) -> bytes:
    """Return gradient.onnx of a network, or gradcam.onnx.

    Parameters
    ----------
    network : features [n, ...] -> logits [n, n_classes], or (features, lengths) ->
        logits; on the CPU, evaluation mode.
    example : [m, ...] float32, some features; their values do not matter.
    input_name : name of the graph's first input.
    lengths : [m] int64, of sequences [m, steps, n_channels]; steps are then dynamic.
    outputs, jacobian : what the graph answers; for ``map_jacobian`` the network answers
        a map too.

    Returns
    -------
    ONNX bytes with inputs (features, ``target`` [n] int64, and ``lengths`` [n] int64
    where given) and two outputs: by default ``logits`` [n, n_classes] and ``gradient``
    (d logit[target] / d feature, the features' shape).

    Raises
    ------
    GradientExportError
        The backward pass cannot be traced (a branch on data, say) or holds an operator
        that ONNX has not; the message names it.
    """
    features = example[:1].expand(EXAMPLE_ROWS, *example.shape[1:]).clone()
    inputs = [features, torch.zeros(EXAMPLE_ROWS, dtype=torch.int64)]
    names = [input_name, "target"]
    if lengths is not None:
        inputs.append(lengths[:1].expand(EXAMPLE_ROWS).clone())
        names.append("lengths")
    try:
        network = portable(network).eval().requires_grad_(False)
        # A scan traced before leaves traces of its body that another one picks up.
        torch._dynamo.reset()
        with quiet(), _portable_kernels():
            graph, constants = trace_gradient(network, inputs, jacobian)
        return export_graph(
            _WithConstants(graph, constants),
            tuple(inputs),
            names,
            outputs,
            variadic=True,
            ragged=lengths is not None,
        )
    except ExportError as error:
        raise GradientExportError(str(error)) from error
    except Exception as error:  # tracing raises many types
        raise GradientExportError(root_cause(error)) from error


def trace_gradient(
    network: nn.Module, inputs: list[Tensor], jacobian: Jacobian = vector_jacobian
) -> tuple[GraphModule, list[Tensor]]:
    """Trace a gradient with batch (and time) symbolic, all else fixed.

    Parameters
    ----------
    inputs : features and target, and for sequences lengths.

    Returns
    -------
    A graph of (constants..., features, target[, lengths]), and the constants: the
    network's parameters and buffers.
    """
    named = {**dict(network.named_parameters()), **dict(network.named_buffers())}

    def run(*arguments: Tensor) -> tuple[Tensor, Tensor]:
        values = dict(zip(named, arguments[: len(named)], strict=True))

        def forward(*given: Tensor) -> Any:
            return torch.func.functional_call(network, values, given)

        first, gradient = jacobian(forward)(*arguments[len(named) :])
        return first, gradient

    mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
    fakes = [mode.from_tensor(value, static_shapes=True) for value in named.values()]
    for number, tensor in enumerate(inputs):
        free = 2 if len(inputs) == 3 and number == 0 else 1  # batch, and time
        sizes = [DimDynamic.DYNAMIC] * free + [DimDynamic.STATIC] * (
            tensor.dim() - free
        )
        fakes.append(
            mode.from_tensor(
                tensor,
                symbolic_context=StatelessSymbolicContext(dynamic_sizes=sizes),
                source=ConstantSource(f"input_{number}"),
            )
        )
    with mode:
        graph = make_fx(
            run,
            decomposition_table=decomposition_table(),
            tracing_mode="real",
            _allow_non_fake_inputs=True,
        )(*fakes)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph, list(named.values())


class _WithConstants(nn.Module):
    """A traced graph with its constants bound as buffers."""

    def __init__(self, graph: GraphModule, constants: list[Tensor]) -> None:
        super().__init__()
        self.graph = graph
        self.n_constants = len(constants)
        for i, constant in enumerate(constants):
            self.register_buffer(f"constant_{i}", constant.detach().clone())

    def forward(self, *arguments: Tensor) -> Any:
        constants = [getattr(self, f"constant_{i}") for i in range(self.n_constants)]
        return self.graph(*constants, *arguments)


@contextmanager
def _portable_kernels() -> Iterator[None]:
    """Switch off fused kernels, which have no decomposition."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    mkldnn = torch.backends.mkldnn.flags(enabled=False)
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with sdpa_kernel(SDPBackend.MATH), mkldnn:
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
