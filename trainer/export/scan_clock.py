"""Bounding every ONNX Scan by the time axis of the graph's own input.

A Scan runs as often as its scanned tensors are long, and a hostile file can make that
any number. So bundles hold Scans of one form only: the last scanned tensor is the
graph's ``input`` itself, along its time axis (``CLOCK_AXIS``). onnxruntime refuses a
Scan whose tensors differ in length; so each runs exactly one turn a step of the input,
and explainers/onnx_safety.py can check that without inferring a single shape.
"""

import onnx
from onnx import helper

CLOCK = "input"
CLOCK_AXIS = 1


def add_clocks(model: onnx.ModelProto) -> None:
    """Give every Scan of a graph the clock, in place; the body does not use it."""
    for node in model.graph.node:
        if node.op_type == "Scan":
            _add_clock(node, model)


def _add_clock(node: onnx.NodeProto, model: onnx.ModelProto) -> None:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    scanned = attributes["num_scan_inputs"]
    axes = attributes.get("scan_input_axes") or [0] * scanned
    directions = attributes.get("scan_input_directions") or [0] * scanned
    body = attributes["body"]
    source = next(value for value in model.graph.input if value.name == CLOCK)
    dims = [dim.dim_param or dim.dim_value for dim in source.type.tensor_type.shape.dim]
    del dims[CLOCK_AXIS]
    body.input.append(
        helper.make_tensor_value_info(
            f"{body.name}_clock", source.type.tensor_type.elem_type, dims
        )
    )
    node.input.append(CLOCK)
    attributes |= {
        "num_scan_inputs": scanned + 1,
        "scan_input_axes": [*axes, CLOCK_AXIS],
        "scan_input_directions": [*directions, 0],
        "body": body,
    }
    del node.attribute[:]
    node.attribute.extend(
        helper.make_attribute(name, value) for name, value in attributes.items()
    )
