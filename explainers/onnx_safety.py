"""What an ONNX file may hold before onnxruntime sees it.

Reads the protobuf wire format directly, because the serving side carries no onnx
package, and because ``onnx.checker`` accepts what must be refused: external data
(onnxruntime follows hard links), loops (251 bytes can run for ever), custom domains.
Field numbers are those of onnx.proto (onnx 1.23); unknown fields are skipped.

One kind of subgraph is allowed, the body of a Scan in a form that cannot run for long:
the last tensor that it scans is the graph's own first input, along its time axis.
onnxruntime refuses a Scan whose scanned tensors differ in length (it compares them
before the first turn), so a Scan takes one turn a step of the input, whatever else it
scans; and a body holds no further subgraph.
"""

from collections.abc import Iterator
from typing import NamedTuple

from explainers.errors import UnsafeGraphError

ALLOWED_OPERATORS = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "ArgMax",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Conv",
        "ConvTranspose",
        "Cos",
        "CumSum",
        "Div",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Expand",
        "Flatten",
        "Floor",
        "Gather",
        "GatherElements",
        "GatherND",
        "Gelu",
        "Gemm",
        "GlobalAveragePool",
        "Greater",
        "GreaterOrEqual",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "IsInf",
        "IsNaN",
        "LayerNormalization",
        "LeakyRelu",
        "Less",
        "LessOrEqual",
        "Log",
        "LogSoftmax",
        "MatMul",
        "Max",
        "MaxPool",
        "Mean",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "OneHot",
        "Or",
        "PRelu",
        "Pad",
        "Pow",
        "Range",
        "Reciprocal",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Resize",
        "Round",
        "ScatterElements",
        "ScatterND",
        "Selu",
        "Shape",
        "Sigmoid",
        "Sign",
        "Sin",
        "Size",
        "Slice",
        "Softmax",
        "Softplus",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Sum",
        "Tanh",
        "Tile",
        "Transpose",
        "Trilu",
        "Unsqueeze",
        "Where",
        "Xor",
    ]
)
"""No Loop or If, no random numbers, no strings, no sequences, no quantisation. Scan is
allowed too, in the form that ``_check_scan`` demands."""

CLOCK = "input"
CLOCK_AXIS = 1
"""The graph input, and its axis, that bounds every Scan."""

MAX_NESTING = 8

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# field number -> (name, message type or None) for the messages that matter
_MODEL = {7: "graph", 8: "opset", 20: "training_info", 25: "function"}
_GRAPH = {1: "node", 5: "tensor", 11: "input", 15: "sparse_tensor"}
_NODE = {1: "input", 2: "output", 4: "op_type", 5: "attribute", 7: "domain"}
_ATTRIBUTE = {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"}
_ATTRIBUTE |= {22: "sparse_tensor", 23: "sparse_tensor"}
_TENSOR = {13: "external_data", 14: "data_location"}
_OPSET_DOMAIN = 1
_VALUE_NAME = 1
_TENSOR_NAME = 8
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_GRAPH, _ATTRIBUTE_INTS = 1, 3, 6, 8
_STANDARD_DOMAINS = (b"", b"ai.onnx")


class _Field(NamedTuple):
    number: int
    wire_type: int
    value: int
    content: memoryview


def check_graph(name: str, raw: bytes) -> None:
    """Refuse a graph that could read files, run without bound or call custom code.

    Parameters
    ----------
    name : the file's path in the bundle, for the message.
    raw : the serialised ModelProto.

    Raises
    ------
    UnsafeGraphError
        External data, a sparse tensor, an operator outside the allow-list, a custom
        domain, a local function, a subgraph other than a bounded Scan's body, training
        information, or a file that is not a ModelProto.
    """
    has_graph = False
    for field in _fields(name, memoryview(raw)):
        kind = _MODEL.get(field.number)
        if kind in ("training_info", "function"):
            raise UnsafeGraphError(f"{name}: holds {kind}, which is not allowed")
        if kind == "opset":
            _check_opset(name, field.content)
        if kind == "graph":
            has_graph = True
            _check_graph(name, field.content)
    if not has_graph:
        raise UnsafeGraphError(f"{name}: not an ONNX model (it has no graph)")


def _check_opset(name: str, message: memoryview) -> None:
    for field in _fields(name, message):
        if field.number == _OPSET_DOMAIN:
            _check_domain(name, field.content)


def _check_domain(name: str, domain: memoryview) -> None:
    if bytes(domain) not in _STANDARD_DOMAINS:
        raise UnsafeGraphError(
            f"{name}: operator domain {bytes(domain)!r} is not allowed; "
            "only standard ONNX operators are"
        )


def _check_graph(name: str, message: memoryview) -> None:
    nodes = [
        f.content for f in _fields(name, message) if _GRAPH.get(f.number) == "node"
    ]
    _check_tensors(name, message)
    operators = [_operator(name, node) for node in nodes]
    if "Scan" in operators:
        _check_clock(name, message, nodes)
    for node, operator in zip(nodes, operators, strict=True):
        if operator == "Scan":
            _check_scan(name, node)
        else:
            _check_node(name, node, operator)


def _check_body(name: str, message: memoryview) -> None:
    """Check the body of a Scan: plain operators, no further subgraph."""
    _check_tensors(name, message)
    for field in _fields(name, message):
        if _GRAPH.get(field.number) == "node":
            _check_node(name, field.content, _operator(name, field.content))


def _check_tensors(name: str, message: memoryview) -> None:
    for field in _fields(name, message):
        kind = _GRAPH.get(field.number)
        if kind == "tensor":
            _check_tensor(name, field.content)
        elif kind == "sparse_tensor":
            raise UnsafeGraphError(f"{name}: sparse tensors are not allowed")


def _operator(name: str, node: memoryview) -> str:
    """Return a node's operator; refuses another domain than ONNX's own."""
    operator = ""
    for field in _fields(name, node):
        kind = _NODE.get(field.number)
        if kind == "op_type":
            operator = bytes(field.content).decode("utf-8", "replace")
        elif kind == "domain":
            _check_domain(name, field.content)
    return operator


def _check_node(name: str, message: memoryview, operator: str) -> None:
    if operator not in ALLOWED_OPERATORS:
        raise UnsafeGraphError(f"{name}: operator {operator} is not allowed here")
    for field in _fields(name, message):
        if _NODE.get(field.number) == "attribute":
            _check_attribute(name, field.content)


def _check_attribute(name: str, message: memoryview) -> None:
    for field in _fields(name, message):
        kind = _ATTRIBUTE.get(field.number)
        if kind == "tensor":
            _check_tensor(name, field.content)
        elif kind is not None and field.wire_type == _BYTES:
            raise UnsafeGraphError(f"{name}: an attribute holds a {kind}: not allowed")


def _check_clock(name: str, graph: memoryview, nodes: list[memoryview]) -> None:
    """Check that ``CLOCK`` is an input of the graph and nothing else."""
    inputs = [
        _text(name, field.content, _VALUE_NAME)
        for field in _fields(name, graph)
        if _GRAPH.get(field.number) == "input"
    ]
    made = {
        bytes(field.content)
        for node in nodes
        for field in _fields(name, node)
        if _NODE.get(field.number) == "output"
    }
    stored = {
        _text(name, field.content, _TENSOR_NAME)
        for field in _fields(name, graph)
        if _GRAPH.get(field.number) == "tensor"
    }
    if CLOCK not in inputs or CLOCK.encode() in made or CLOCK in stored:
        raise UnsafeGraphError(
            f"{name}: holds a Scan, but {CLOCK!r} is not purely an input of the graph"
        )


def _check_scan(name: str, message: memoryview) -> None:
    """Check that a Scan is bounded by the clock, and its body."""
    inputs, attributes = [], []
    for field in _fields(name, message):
        kind = _NODE.get(field.number)
        if kind == "input":
            inputs.append(bytes(field.content).decode("utf-8", "replace"))
        elif kind == "attribute":
            attributes.append(field.content)
    labelled: dict[str, memoryview] = {}
    for attribute in attributes:
        label = _text(name, attribute, _ATTRIBUTE_NAME)
        if label in labelled:
            raise UnsafeGraphError(f"{name}: a Scan has two attributes {label!r}")
        labelled[label] = attribute
        _check_scan_attribute(name, label, attribute)
    nothing = message[:0]
    scanned = _integers(name, labelled.get("num_scan_inputs", nothing), _ATTRIBUTE_INT)
    axes = _integers(name, labelled.get("scan_input_axes", nothing), _ATTRIBUTE_INTS)
    bounded = (
        len(scanned) == 1
        and 0 < scanned[0] <= len(inputs)
        and len(axes) == scanned[0]
        and inputs[-1] == CLOCK
        and axes[-1] == CLOCK_AXIS
    )
    if not bounded:
        raise UnsafeGraphError(
            f"{name}: a Scan without a bound; its last scanned tensor must be the "
            f"graph's {CLOCK!r} along axis {CLOCK_AXIS}"
        )


def _check_scan_attribute(name: str, label: str, attribute: memoryview) -> None:
    """Check the body; refuse any other attribute that holds a tensor or a graph."""
    if label != "body":
        _check_attribute(name, attribute)
        return
    for field in _fields(name, attribute):
        if field.number == _ATTRIBUTE_GRAPH and field.wire_type == _BYTES:
            _check_body(name, field.content)
        elif _ATTRIBUTE.get(field.number) is not None and field.wire_type == _BYTES:
            raise UnsafeGraphError(f"{name}: a Scan's body is no graph")


def _text(name: str, message: memoryview, number: int) -> str:
    """Return a string field of a message, the last one as protobuf reads it."""
    texts = [f.content for f in _fields(name, message) if f.number == number]
    return bytes(texts[-1]).decode("utf-8", "replace") if texts else ""


def _integers(name: str, attribute: memoryview, number: int) -> list[int]:
    """Return the integers of a field, whether stored one by one or packed."""
    numbers: list[int] = []
    for field in _fields(name, attribute):
        if field.number != number:
            continue
        if field.wire_type == _VARINT:
            numbers.append(field.value)
        else:
            at = 0
            while at < len(field.content):
                value, at = _varint(name, field.content, at)
                numbers.append(value)
    return numbers


def _check_tensor(name: str, message: memoryview) -> None:
    for field in _fields(name, message):
        kind = _TENSOR.get(field.number)
        if kind == "external_data" or (kind == "data_location" and field.value != 0):
            raise UnsafeGraphError(
                f"{name}: a tensor refers to external data; every value must be inside "
                "the file"
            )


def _fields(name: str, message: memoryview) -> Iterator[_Field]:
    """Yield the fields of one protobuf message, without copying its content."""
    at = 0
    empty = message[:0]
    while at < len(message):
        key, at = _varint(name, message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _varint(name, message, at)
            yield _Field(number, wire_type, value, empty)
            continue
        if wire_type == _BYTES:
            size, at = _varint(name, message, at)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise UnsafeGraphError(f"{name}: not an ONNX model (wire type {wire_type})")
        if at + size > len(message):
            raise UnsafeGraphError(f"{name}: not an ONNX model (it ends too early)")
        yield _Field(number, wire_type, 0, message[at : at + size])
        at += size


def _varint(name: str, message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise UnsafeGraphError(f"{name}: not an ONNX model (broken number)")
