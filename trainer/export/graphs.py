"""Exporting a forward pass: batch axis dynamic, everything inside one small file."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from trainer.errors import ExportError
from trainer.export.recurrent_scan import portable
from trainer.export.repeated_weights import keep_one_of_each
from trainer.export.scan_bodies import trim_scans
from trainer.export.scan_clock import add_clocks
from trainer.export.translations import TRANSLATIONS

OPSET = 20
EXAMPLE_ROWS = 5
"""Rows of the example batch: 0 and 1 are specialised by the tracer."""
_MAX_BATCH = 65536
_MOST_STEPS = 65536


def export_graph(
    module: nn.Module,
    examples: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    variadic: bool = False,
    ragged: bool = False,
) -> bytes:
    """Return a module's forward pass as ONNX bytes; recurrent layers become scans.

    Parameters
    ----------
    module : in evaluation mode, on the CPU.
    examples : one tensor an input, EXAMPLE_ROWS rows each.
    inputs, outputs : names of the graph's inputs and outputs.
    variadic : whether ``forward`` takes ``*args``.
    ragged : whether the second axis of the first input is time, of any length.

    Raises
    ------
    ExportError
        torch cannot express the module in ONNX; the message is the root cause.
    """
    batch = torch.export.Dim("batch", min=1, max=_MAX_BATCH)
    dynamic: tuple[Any, ...] = tuple({0: batch} for _ in examples)
    if ragged:
        dynamic[0][1] = torch.export.Dim("time", min=1, max=_MOST_STEPS)
    try:
        with quiet():
            program = torch.onnx.export(
                portable(module),
                examples,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=(dynamic,) if variadic else dynamic,
                custom_translation_table=TRANSLATIONS,
                verbose=False,
            )
    except Exception as error:  # the exporter raises many types, nested
        raise ExportError(root_cause(error)) from error
    if program is None:
        raise ExportError("torch.onnx.export returned nothing")
    return strip(program.model_proto.SerializeToString())


def strip(raw: bytes) -> bytes:
    """Drop metadata, doc strings and inner shapes (about 1 KB a node, and paths), bound
    every Scan (scan_clock.py) and trim its body (scan_bodies.py), and keep one of equal
    weights (repeated_weights.py).
    """
    model = onnx.load_model_from_string(raw)
    del model.metadata_props[:]
    model.doc_string = ""
    model.producer_version = ""
    add_clocks(model)
    trim_scans(model)
    keep_one_of_each(model)
    graph = model.graph
    _strip_graph(graph)
    return bytes(model.SerializeToString(deterministic=True))


def _strip_graph(graph: onnx.GraphProto) -> None:
    del graph.metadata_props[:], graph.value_info[:]
    graph.doc_string = ""
    for item in [*graph.node, *graph.initializer, *graph.input, *graph.output]:
        del item.metadata_props[:]
        item.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):  # the body of a Scan
                _strip_graph(attribute.g)


def root_cause(error: BaseException) -> str:
    """Return the first line of the innermost cause: it names the operator."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's notes about itself; errors still raise."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
