"""The acceptance gate: no graph is written that answers otherwise than torch.

A wrong export is silent. An aliased example once gave a graph that returned all zeros,
and a recurrent layer freezes the batch size; so every graph is run on fresh inputs of
several batch sizes and compared with the module it came from.

Torch rounds too, and its rounding can be large beside the answer: a logit near zero is
a difference of large sums, and at the kink of an activation (ReLU6 has two) a rounding
decides whether a whole path counts. On EfficientNet-lite0 the graph's gradient was
.0032 from torch's for one input, and 6e-7 from that in double precision: it was torch
that had rounded to the other side. So what is allowed grows with torch's own distance
from double precision.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from explainers.errors import BundleError
from explainers.onnx_runtime import Session
from explainers.onnx_safety import check_graph
from trainer.errors import ExportError, GradientExportError
from trainer.export.gradients import Jacobian, vector_jacobian

BATCHES = (1, 7, 64)
TOLERANCE = 1e-5
"""Relative L2: an absolute bound would pass an all-zero answer to a small gradient."""
SLACK = 10.0
"""The same, in torch's own distances from double precision."""
LOOSEST = 0.01
"""What no rounding excuses."""

Drawn = NDArray[np.generic] | tuple[NDArray[np.generic], ...]
Sampler = Callable[[int, np.random.Generator], Drawn]
"""Draws n fresh rows: a graph's first input, or all of its inputs but the target."""


def accept_graph(
    name: str, raw: bytes, module: nn.Module, sample: Sampler, seed: int = 0
) -> Session:
    """Compare a forward graph with its module; return the loaded session.

    Raises
    ------
    ExportError
        An operator that bundles may not hold, a fixed batch axis, or an output that
        differs.
    """
    session = _open(name, raw)
    random = np.random.default_rng(seed)
    batches = [_as_tuple(sample(rows, random)) for rows in BATCHES]
    with torch.no_grad():
        _compare(name, session, batches, module, lambda same: same)
    return session


def accept_gradient(
    name: str,
    raw: bytes,
    network: nn.Module,
    sample: Sampler,
    seed: int = 0,
    *,
    jacobian: Jacobian = vector_jacobian,
) -> Session:
    """Compare a gradient graph with torch.autograd; return the loaded session.

    Raises
    ------
    GradientExportError
        As ``accept_graph``, or the gradient is zero everywhere.
    """
    try:
        session = _open(name, raw)
        random = np.random.default_rng(seed)
        batches = []
        for rows in BATCHES:
            features, *rest = _as_tuple(sample(rows, random))
            with torch.no_grad():
                answer = network(*map(torch.from_numpy, (features, *rest)))
            logits = answer[0] if isinstance(answer, tuple) else answer
            target = random.integers(0, logits.shape[1], rows)
            batches.append((features, target, *rest))
        largest = _compare(name, session, batches, network, jacobian)
    except GradientExportError:
        raise
    except ExportError as error:
        raise GradientExportError(str(error)) from error
    if largest == 0.0:
        raise GradientExportError(f"{name}: the gradient is zero on every input tried")
    return session


def _as_tuple(drawn: Drawn) -> tuple[NDArray[np.generic], ...]:
    return drawn if isinstance(drawn, tuple) else (drawn,)


def _open(name: str, raw: bytes) -> Session:
    try:
        check_graph(name, raw)
    except BundleError as error:
        raise ExportError(str(error)) from error
    model = onnx.load_model_from_string(raw)
    onnx.checker.check_model(model, full_check=True)
    for value in [*model.graph.input, *model.graph.output]:
        if not value.type.tensor_type.shape.dim[0].dim_param:
            raise ExportError(f"{name}: {value.name} has a fixed batch axis")
    try:
        return Session(name, raw)
    except BundleError as error:
        raise ExportError(str(error)) from error


def _compare(
    name: str,
    session: Session,
    batches: Sequence[tuple[NDArray[np.generic], ...]],
    module: nn.Module,
    answering: Callable[[nn.Module], Callable[..., Any]],
) -> float:
    """Run graph and module on every batch; returns the largest value of the last
    output. ``answering`` makes of a module what computes the graph's outputs.
    """
    largest = 0.0
    for inputs in batches:
        found = session.run(dict(zip(session.inputs, inputs, strict=True)))
        wanted = _answer(answering(module), inputs)
        for i, output in enumerate(session.outputs):
            error = relative_error(found[i], wanted[i])
            if error < TOLERANCE:
                continue
            rounding = _measure_rounding(module, answering, batches[:-1], i)
            allowed = max(TOLERANCE, min(LOOSEST, SLACK * rounding))
            if not error < allowed:
                raise ExportError(
                    f"{name}: output {output!r} differs from torch by {error:.2g} "
                    f"(relative L2, {len(inputs[0])} rows; allowed {allowed:.2g})"
                )
        largest = max(largest, float(np.abs(found[-1]).max()))
    return largest


def _measure_rounding(
    module: nn.Module,
    answering: Callable[[nn.Module], Callable[..., Any]],
    batches: Sequence[tuple[NDArray[np.generic], ...]],
    output: int,
) -> float:
    """Return how far torch is from double precision in an output, at the most."""
    exact = answering(copy.deepcopy(module).double())
    return max(
        relative_error(
            _answer(answering(module), inputs)[output],
            _answer(exact, [_as_double(values) for values in inputs])[output],
        )
        for inputs in batches
    )


def _answer(
    answer: Callable[..., Any], inputs: Sequence[NDArray[np.generic]]
) -> list[NDArray[Any]]:
    """Return what a module, or its jacobian, answers, as arrays."""
    outputs = answer(*map(torch.from_numpy, inputs))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [output.detach().numpy() for output in outputs]


def _as_double(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return numbers in double precision, and whole numbers as they are."""
    return values.astype(np.float64) if values.dtype.kind == "f" else values


def relative_error(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return |found - wanted| / |wanted| in L2; infinite for other shapes or NaN."""
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    size = float(np.linalg.norm(wanted.astype(np.float64)))
    gap = float(np.linalg.norm(found.astype(np.float64) - wanted))
    return gap / size if size > 0 else gap
