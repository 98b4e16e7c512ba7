"""What an ONNX file may hold; the onnx package builds the hostile files."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from explainers.errors import UnsafeGraphError
from explainers.onnx_runtime import Session
from explainers.onnx_safety import ALLOWED_OPERATORS, check_graph


def _model(nodes, tensors=(), **options) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(list(nodes), "g", [value], [out], list(tensors))
    opsets = options.pop("opsets", [helper.make_opsetid("", 20)])
    return helper.make_model(graph, opset_imports=opsets, **options)


def _body() -> onnx.GraphProto:
    out = helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])
    return helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "b", [], [out]
    )


def _external(tensor: onnx.TensorProto, **changes) -> onnx.TensorProto:
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.data_location = changes.get("location", TensorProto.EXTERNAL)
    return tensor


def _tensor() -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones((2, 2), dtype=np.float32), "w")


def _sparse() -> onnx.SparseTensorProto:
    values = numpy_helper.from_array(np.ones(1, dtype=np.float32), "w")
    indices = numpy_helper.from_array(np.zeros(1, dtype=np.int64), "i")
    return helper.make_sparse_tensor(values, indices, [4])


IDENTITY = helper.make_node("Identity", ["x"], ["y"])


def _located_without_entries() -> onnx.ModelProto:
    tensor = _tensor()
    tensor.data_location = TensorProto.EXTERNAL
    return _model([IDENTITY], [tensor])


def _with_sparse_initializer() -> onnx.ModelProto:
    model = _model([IDENTITY])
    model.graph.sparse_initializer.append(_sparse())
    return model


def _with_training_info() -> onnx.ModelProto:
    model = _model([IDENTITY])
    model.training_info.add()
    return model


HOSTILE = {
    "external data": (
        _model([IDENTITY], [_external(_tensor())]), "external data"),
    "external data without the flag": (
        _model([IDENTITY], [_external(_tensor(), location=TensorProto.DEFAULT)]),
        "external data"),
    "external flag without entries": (_located_without_entries(), "external data"),
    "external data in an attribute": (
        _model([helper.make_node("Constant", [], ["y"], value=_external(_tensor()))]),
        "external data"),
    "external data in a tensor list": (
        _model([helper.make_node("Constant", [], ["y"], many=[_external(_tensor())])]),
        "external data"),
    "sparse initializer": (_with_sparse_initializer(), "sparse"),
    "sparse attribute": (
        _model([helper.make_node("Constant", [], ["y"], sparse_value=_sparse())]),
        "sparse_tensor"),
    "Loop": (
        _model([helper.make_node("Loop", ["", "", "x"], ["y"], body=_body())]), "Loop"),
    "If": (
        _model([helper.make_node("If", ["x"], ["y"], then_branch=_body(),
                                 else_branch=_body())]), "If"),
    "Scan": (
        _model([helper.make_node("Scan", ["x"], ["y"], body=_body(),
                                 num_scan_inputs=1)]), "Scan"),
    "subgraph on an allowed operator": (
        _model([helper.make_node("Identity", ["x"], ["y"], body=_body())]), "graph"),
    "custom domain": (
        _model([helper.make_node("Relu", ["x"], ["y"], domain="com.example")]),
        "domain"),
    "custom opset": (
        _model([IDENTITY], opsets=[helper.make_opsetid("com.microsoft", 1)]), "domain"),
    "random numbers": (
        _model([helper.make_node("RandomNormalLike", ["x"], ["y"])]), "RandomNormal"),
    "local function": (
        _model([IDENTITY], functions=[helper.make_function(
            "", "F", ["x"], ["y"], [IDENTITY], [helper.make_opsetid("", 20)])]),
        "function"),
    "training information": (_with_training_info(), "training_info"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_graphs_are_refused_with_the_reason(name):
    model, reason = HOSTILE[name]
    with pytest.raises(UnsafeGraphError, match=reason) as caught:
        check_graph("predict.onnx", model.SerializeToString())
    assert "predict.onnx" in str(caught.value)


def _values(*names) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names]


def _scanning(
    inputs=("state", "long", "input"),
    axes=(0, 1),
    body_nodes=(),
    graph_nodes=(),
    graph_inputs=("input",),
    stored=(),
    **attributes,
) -> onnx.ModelProto:
    """A Scan over ``long`` (1,000 turns that cost no memory) and the clock."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["s"], ["s2"]), *body_nodes],
        "b",
        _values("s", "x", "tick")[: len(inputs)],
        _values("s2"),
    )
    attributes = {"num_scan_inputs": 2, "scan_input_axes": list(axes), "body": body,
                  **attributes}  # fmt: skip
    attributes = {k: v for k, v in attributes.items() if v is not None}
    node = helper.make_node("Scan", list(inputs), ["last"], **attributes)
    graph = helper.make_graph(
        [*graph_nodes, node], "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", "time", 2])
         for n in graph_inputs],
        _values("last"),
        [
            numpy_helper.from_array(np.ones(1, dtype=np.float32), "state"),
            numpy_helper.from_array(np.ones((1000, 0), dtype=np.float32), "long"),
            *stored,
        ],
    )  # fmt: skip
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )


def _with_two(attribute: str) -> onnx.ModelProto:
    model = _scanning()
    node = model.graph.node[-1]
    twin = next(a for a in node.attribute if a.name == attribute)
    node.attribute.append(twin)
    return model


UNBOUNDED = {
    "no clock": _scanning(inputs=("state", "long"), axes=(0,), num_scan_inputs=1),
    "the clock is not last": _scanning(inputs=("state", "input", "long")),
    "the clock along the batch": _scanning(axes=(0, 0)),
    "a default axis": _scanning(scan_input_axes=None),
    "too few axes": _scanning(axes=(1,)),
    "the clock is a state": _scanning(
        inputs=("long", "input"), scan_input_axes=None, num_scan_inputs=0
    ),
    "more scanned than given": _scanning(num_scan_inputs=9, axes=(0,) * 8 + (1,)),
    "the clock is made inside": _scanning(
        graph_nodes=[helper.make_node("Identity", ["x"], ["input"])],
        graph_inputs=("x",),
    ),
    "the clock is made and given": _scanning(
        graph_nodes=[helper.make_node("Identity", ["long"], ["input"])]
    ),
    "the clock is stored": _scanning(
        stored=[numpy_helper.from_array(np.ones((1, 9, 2), np.float32), "input")]
    ),
    "two counts": _with_two("num_scan_inputs"),
    "two lists of axes": _with_two("scan_input_axes"),
    "a Scan within": _scanning(
        body_nodes=[helper.make_node("Scan", ["x"], ["q"], body=_body(),
                                     num_scan_inputs=1)]
    ),
    "a Loop within": _scanning(
        body_nodes=[helper.make_node("Loop", ["", "", "x"], ["q"], body=_body())]
    ),
    "a graph on an operator within": _scanning(
        body_nodes=[helper.make_node("Identity", ["x"], ["q"], body=_body())]
    ),
    "a custom operator within": _scanning(
        body_nodes=[helper.make_node("Relu", ["x"], ["q"], domain="com.example")]
    ),
    "external data within": _scanning(
        body_nodes=[helper.make_node("Constant", [], ["q"], value=_external(_tensor()))]
    ),
    "a body that is no graph": _scanning(body=_tensor()),
    "a graph under another name": _scanning(extra=_body()),
}  # fmt: skip


@pytest.mark.parametrize("name", UNBOUNDED)
def test_scans_without_a_bound_are_refused(name):
    with pytest.raises(UnsafeGraphError):
        check_graph("predict.onnx", UNBOUNDED[name].SerializeToString())


def test_a_bounded_scan_takes_as_many_turns_as_the_input_has_steps():
    """What the check relies on: onnxruntime compares the lengths, empty tensors too."""
    raw = _scanning().SerializeToString()
    check_graph("predict.onnx", raw)
    session = Session("predict.onnx", raw)
    assert session.run({"input": np.zeros((1, 1000, 2), dtype=np.float32)})
    for steps in (1, 5, 999, 1001):
        with pytest.raises(Exception, match="inconsistent sequence lengths"):
            session.run({"input": np.zeros((1, steps, 2), dtype=np.float32)})


def test_plain_graphs_pass(linear_files):
    check_graph("predict.onnx", linear_files["predict.onnx"])
    check_graph("gradient.onnx", linear_files["gradient.onnx"])


def test_what_is_not_a_model_is_refused(linear_files):
    whole = linear_files["predict.onnx"]
    for raw in (b"", b"hello, world", whole[:-3], b"\x00" * 64, b"\xff" * 64):
        with pytest.raises(UnsafeGraphError, match="not an ONNX model"):
            check_graph("predict.onnx", raw)


def test_every_field_number_is_the_one_of_the_installed_onnx():
    """The wire reader hard-codes them; the package's descriptors are the oracle."""
    expected = {
        onnx.ModelProto: {"graph": 7, "opset_import": 8, "training_info": 20,
                          "functions": 25},
        onnx.GraphProto: {"node": 1, "initializer": 5, "input": 11,
                          "sparse_initializer": 15},
        onnx.NodeProto: {"input": 1, "output": 2, "op_type": 4, "attribute": 5,
                         "domain": 7},
        onnx.AttributeProto: {"name": 1, "i": 3, "t": 5, "g": 6, "ints": 8,
                              "tensors": 10, "graphs": 11,
                              "sparse_tensor": 22, "sparse_tensors": 23},
        onnx.TensorProto: {"name": 8, "external_data": 13, "data_location": 14},
        onnx.ValueInfoProto: {"name": 1},
        onnx.OperatorSetIdProto: {"domain": 1},
    }  # fmt: skip
    for message, fields in expected.items():
        found = {f.name: f.number for f in message.DESCRIPTOR.fields}
        assert fields.items() <= found.items()
        reaching = {
            f.name
            for f in message.DESCRIPTOR.fields
            if f.message_type is not None
            and f.message_type.name in
            ("GraphProto", "TensorProto", "SparseTensorProto", "FunctionProto",
             "NodeProto", "AttributeProto", "TrainingInfoProto")
        }  # fmt: skip
        assert reaching <= set(fields), "a way to a tensor or a graph is not walked"


def test_allowed_operators_exist_and_none_controls_flow():
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert known >= ALLOWED_OPERATORS
    for name in ALLOWED_OPERATORS:
        attributes = onnx.defs.get_schema(name).attributes.values()
        kinds = {a.type for a in attributes}
        assert onnx.defs.OpSchema.AttrType.GRAPH not in kinds
