"""What an ONNX file may hold; the onnx package builds the hostile files."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from explainers.errors import UnsafeGraphError
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
        onnx.GraphProto: {"node": 1, "initializer": 5, "sparse_initializer": 15},
        onnx.NodeProto: {"op_type": 4, "attribute": 5, "domain": 7},
        onnx.AttributeProto: {"t": 5, "g": 6, "tensors": 10, "graphs": 11,
                              "sparse_tensor": 22, "sparse_tensors": 23},
        onnx.TensorProto: {"external_data": 13, "data_location": 14},
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
