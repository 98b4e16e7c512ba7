"""The acceptance gate: no graph is written that answers otherwise than torch.

A wrong export is silent. An aliased example once gave a graph that returned all zeros,
and a recurrent layer freezes the batch size; so every graph is run on fresh inputs of
several batch sizes and compared with the module it came from.
"""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.errors import BundleError
from explainers.onnx_runtime import Session
from explainers.onnx_safety import check_graph
from trainer.errors import ExportError, GradientExportError
from trainer.export.gradients import Jacobian, vector_jacobian

BATCHES = (1, 7, 64)
TOLERANCE = 1e-5
"""Relative L2: an absolute bound would pass an all-zero answer to a small gradient."""

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
    for rows in BATCHES:
        inputs = _as_tuple(sample(rows, random))
        found = session.run(dict(zip(session.inputs, inputs, strict=True)))
        with torch.no_grad():
            answer = module(*map(torch.from_numpy, inputs))
        expected = answer if isinstance(answer, tuple) else (answer,)
        _compare(name, rows, session.outputs, found, expected)
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
        largest = 0.0
        for rows in BATCHES:
            features, *rest = _as_tuple(sample(rows, random))
            with torch.no_grad():
                answer = network(*map(torch.from_numpy, (features, *rest)))
            logits = answer[0] if isinstance(answer, tuple) else answer
            target = random.integers(0, logits.shape[1], rows)
            inputs = (features, target, *rest)
            found = session.run(dict(zip(session.inputs, inputs, strict=True)))
            reference = jacobian(network)(*map(torch.from_numpy, inputs))
            _compare(name, rows, session.outputs, found, reference)
            largest = max(largest, float(np.abs(found[1]).max()))
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
    rows: int,
    outputs: Sequence[str],
    found: Sequence[NDArray[np.float32]],
    expected: Sequence[Tensor],
) -> None:
    for output, answer, reference in zip(outputs, found, expected, strict=True):
        wanted = reference.detach().numpy()
        error = relative_error(answer, wanted)
        if answer.shape != wanted.shape or not error < TOLERANCE:
            raise ExportError(
                f"{name}: output {output!r} differs from torch by {error:.2g} "
                f"(relative L2, {rows} rows; allowed {TOLERANCE:g})"
            )


def relative_error(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Return |found - wanted| / |wanted| in L2; infinite for other shapes or NaN."""
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    size = float(np.linalg.norm(wanted.astype(np.float64)))
    gap = float(np.linalg.norm(found.astype(np.float64) - wanted))
    return gap / size if size > 0 else gap
