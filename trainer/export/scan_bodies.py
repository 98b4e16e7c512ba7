"""What the body of a scan computes for nothing, taken out.

torch sums the gradient of every constant along a scan, though nobody asks for it. And
an LSTM can be traced with one carry alone (recurrent_scan.py), which matrices of 0 and
1 take apart and put together: as two, ONNX needs none of these products.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Constant = NDArray[np.generic]
Pair = list[str | None]
"""The two halves of a value by name; None is zeros."""


def trim_scans(model: onnx.ModelProto) -> None:
    """Drop states that nobody reads, and split those that are two in one, in place."""
    graph = model.graph
    for node in list(graph.node):
        if node.op_type == "Scan":
            _drop_unread_states(graph, node)
            _Split(graph, node).apply()
    read = set(_read(graph))
    kept = [constant for constant in graph.initializer if constant.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _body(scan: onnx.NodeProto) -> onnx.GraphProto:
    body: onnx.GraphProto = next(a.g for a in scan.attribute if a.name == "body")
    return body


def _count_states(scan: onnx.NodeProto) -> int:
    (scanned,) = (a.i for a in scan.attribute if a.name == "num_scan_inputs")
    return len(scan.input) - int(scanned)


def _read(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield every name that is read in a graph and in the bodies inside."""
    yield from (value.name for value in graph.output)
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _read(attribute.g)


def _drop_unread_states(graph: onnx.GraphProto, scan: onnx.NodeProto) -> None:
    """Drop the states that only their own next value is made of."""
    body, read = _body(scan), set(_read(graph))
    for i in reversed(range(_count_states(scan))):
        state, following = body.input[i].name, body.output[i].name
        steps = [n for n in body.node if state in n.input and [following] == n.output]
        within = list(_read(body))
        alone = within.count(state) == within.count(following) == len(steps) == 1
        if alone and scan.output[i] not in read:
            body.node.remove(steps[0])
            del scan.input[i], scan.output[i], body.input[i], body.output[i]


class _Split:
    """One scan whose only state may be two side by side, each half as wide.

    ``halves`` are the values as wide as the state that are known by their halves.
    """

    def __init__(self, graph: onnx.GraphProto, scan: onnx.NodeProto) -> None:
        self.graph, self.scan, self.body = graph, scan, _body(scan)
        self.known = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
        self.state, self.following = self.body.input[0], self.body.output[0]
        self.width = self.state.type.tensor_type.shape.dim[-1].dim_value // 2
        self.halves: dict[str, Pair] = {
            self.state.name: [*self._names(self.state.name)]
        }
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def apply(self) -> None:
        """Split the state where every use of it is of one half; else change nothing."""
        *rows, dim = self.state.type.tensor_type.shape.dim
        is_pair = len(rows) == 1 and dim.dim_value > 0 and dim.dim_value % 2 == 0
        if _count_states(self.scan) != 1 or not is_pair:
            return
        if self.scan.output[0] in _read(self.graph):
            return
        if not all(map(self._rewrite, self.body.node)):
            return
        shown = [value.name for value in self.body.output][1:]
        pair = self.halves.get(self.following.name, [])
        last = [half for half in pair if half is not None]
        if len(last) != 2 or not self.halves.keys().isdisjoint(shown):
            return
        for half, name in zip(last, self._names(self.following.name), strict=True):
            self.nodes.append(helper.make_node("Identity", [half], [name]))
        self._replace()

    @staticmethod
    def _names(name: str) -> list[str]:
        return [f"{name}_{half}" for half in ("first", "second")]

    def _rewrite(self, node: onnx.NodeProto) -> bool:
        """Add what stands for a node; whether there is anything."""
        pairs = [self.halves[name] for name in node.input if name in self.halves]
        if node.op_type == "MatMul":
            factor = self.known.get(node.input[1])
            if factor is not None and factor.ndim == 2:
                return self._multiply(node, factor)
        if node.op_type == "Add" and len(pairs) == 2:
            self._add(node.output[0], *pairs)
            return True
        self.nodes.append(node)
        return not pairs

    def _multiply(self, node: onnx.NodeProto, factor: Constant) -> bool:
        (output,), width = node.output, self.width
        if (pair := self.halves.get(node.input[0])) is not None:  # reads one half
            parts = [factor[:width], factor[width:]]
            half = _only(parts)
            source = None if half is None else pair[half]
            if half is None or source is None:
                return False
            self._product(source, parts[half], output)
            return True
        parts = [factor[:, :width], factor[:, width:]]
        half = _only(parts)
        if factor.shape[1] != 2 * width or half is None:
            self.nodes.append(node)
            return True
        made: Pair = [None, None]  # writes one half
        made[half] = self._product(node.input[0], parts[half], f"{output}_half")
        self.halves[output] = made
        return True

    def _product(self, name: str, factor: Constant, output: str) -> str:
        identity = factor.shape[0] == factor.shape[1] and np.array_equal(
            factor, np.eye(len(factor))
        )
        node = helper.make_node("Identity", [name], [output])
        if not identity:
            constant = f"{self.body.name}_{output}_factor"
            self.constants.append(numpy_helper.from_array(factor, constant))
            node = helper.make_node("MatMul", [name, constant], [output])
        self.nodes.append(node)
        return output

    def _add(self, output: str, one: Pair, other: Pair) -> None:
        made: Pair = []
        sums = self._names(f"{output}_sum")
        for a, b, name in zip(one, other, sums, strict=True):
            if a is not None and b is not None:
                self.nodes.append(helper.make_node("Add", [a, b], [name]))
                made.append(name)
            else:
                made.append(b if a is None else a)
        self.halves[output] = made

    def _replace(self) -> None:
        """Put the new nodes, constants and states in the place of the old ones."""
        body, scan = self.body, self.scan
        for values in (body.input, body.output):
            _split_value(values, self._names(values[0].name), self.width)
        del body.node[:]
        body.node.extend(self.nodes)
        self.graph.initializer.extend(self.constants)
        start, last = scan.input[0], scan.output[0]
        for names, new in (
            (scan.input, self._starts(start)),
            (scan.output, self._names(last)),
        ):
            rest = [*new, *names[1:]]
            del names[:]
            names.extend(rest)

    def _starts(self, start: str) -> list[str]:
        """Add the halves of the first state before the scan; return their names."""
        (at,) = (
            i for i, n in enumerate(self.graph.node) if n.output == self.scan.output
        )
        halves = self._names(f"{self.body.name}_{start}")
        for half, name in enumerate(halves):
            ends = (half * self.width, (half + 1) * self.width, 1)
            constants = [
                numpy_helper.from_array(np.array([end]), f"{name}_{number}")
                for number, end in enumerate(ends)
            ]
            self.graph.initializer.extend(constants)
            inputs = [start, *(constant.name for constant in constants)]
            self.graph.node.insert(at, helper.make_node("Slice", inputs, [name]))
        return halves


def _only(parts: list[Constant]) -> int | None:
    """Return the one of two parts that is not all zero, if there is one."""
    found = [i for i, part in enumerate(parts) if part.any()]
    return found[0] if len(found) == 1 else None


def _split_value(values: Any, names: Sequence[str], width: int) -> None:
    """Put two values, each half as wide, in the place of the first of some."""
    first, *rest = list(values)
    halves = [onnx.ValueInfoProto.FromString(first.SerializeToString()) for _ in names]
    for value, name in zip(halves, names, strict=True):
        value.name = name
        value.type.tensor_type.shape.dim[-1].dim_value = width
    del values[:]
    values.extend([*halves, *rest])
