"""Weights that the exporter writes down once for every token of an attention layer."""

import numpy as np
import onnx
from onnx import numpy_helper

SWAPPED = (0, 2, 1)
"""A transposition of matrices in a stack: a stack of one can stand for it still."""


def keep_one_of_each(model: onnx.ModelProto) -> None:
    """Replace stacks of equal matrices by one of them, in place.

    torch multiplies a sequence by the same weights as a batch of products, and the
    exporter folds that batch into the file: attention over 48 tokens wrote its weights
    48 times. ``MatMul`` repeats a single matrix by itself.
    """
    graph = model.graph
    for stack in graph.initializer:
        if len(stack.dims) == 3 and stack.dims[0] > 1 and _is_factor(graph, stack.name):
            values = numpy_helper.to_array(stack)
            if np.array_equal(values, np.broadcast_to(values[:1], values.shape)):
                stack.CopyFrom(numpy_helper.from_array(values[:1], stack.name))


def _is_factor(graph: onnx.GraphProto, name: str) -> bool:
    """Whether all that is made of a value are products with other stacks."""
    if any(output.name == name for output in graph.output):
        return False
    users = [node for node in graph.node if name in node.input]
    return bool(users) and all(
        node.op_type == "MatMul"
        or (_is_swap(node) and _is_factor(graph, node.output[0]))
        for node in users
    )


def _is_swap(node: onnx.NodeProto) -> bool:
    return node.op_type == "Transpose" and any(
        attribute.name == "perm" and tuple(attribute.ints) == SWAPPED
        for attribute in node.attribute
    )
