"""Scans answer the same, trimmed or not, and are trimmed only where nothing is lost."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from explainers.onnx_runtime import Session
from trainer.export.gradients import export_gradient
from trainer.export.scan_bodies import trim_scans

WIDTH = 6
RANDOM = np.random.default_rng(0)
FEEDS = {
    "start": RANDOM.normal(size=(5, WIDTH)).astype(np.float32),
    "steps": RANDOM.normal(size=(4, 5, WIDTH)).astype(np.float32),
}


def body_of(scan):
    return next(a.g for a in scan.attribute if a.name == "body")


def scans_of(model):
    return [node for node in model.graph.node if node.op_type == "Scan"]


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def scan(nodes, constants, *, states=1, outputs=("shown",), final=()):
    """A scan over ``steps``: states s0, s1, ..., the next ones n0, n1, ..."""
    width = ["batch", WIDTH]
    body = helper.make_graph(
        nodes, "body",
        [*(value(f"s{i}", *width) for i in range(states)), value("x", *width)],
        [*(value(f"n{i}", *width) for i in range(states)), value("y", "batch", None)],
    )  # fmt: skip
    node = helper.make_node(
        "Scan", [*["start"] * states, "steps"],
        [*(f"last{i}" for i in range(states)), "shown"], body=body, num_scan_inputs=1,
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "graph",
        [value("start", *width), value("steps", "time", *width)],
        [value("shown", "time", "batch", None), *(value(f, *width) for f in final)],
        [numpy_helper.from_array(np.float32(c), name) for name, c in constants.items()],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def run(model):
    onnx.checker.check_model(model, full_check=True)
    return Session("scan", model.SerializeToString()).run(FEEDS)


def trimmed(model):
    """Trim it, and hold the answers against those before."""
    before = run(model)
    trim_scans(model)
    for old, new in zip(before, run(model), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6)
    return model


def halves(first, second):
    """Matrices that read or write one half each, of the sizes that are given."""
    top = np.concatenate([first, np.zeros_like(first)])
    return top, np.concatenate([np.zeros_like(second), second])


def matmul(*names):
    return helper.make_node("MatMul", names[:2], names[2:])


def add(*names):
    return helper.make_node("Add", names[:2], names[2:])


HALF = WIDTH // 2
WEIGHTS = RANDOM.normal(size=(HALF, HALF)) / 2
READ_FIRST, READ_SECOND = halves(np.eye(HALF), np.eye(HALF))
TWO_IN_ONE = [
    matmul("s0", "read_first", "first"),
    matmul("s0", "weigh_second", "second"),
    add("first", "second", "y"),
    matmul("first", "write_second", "wide_second"),
    matmul("x", "narrow", "moved"),
    matmul("moved", "write_first", "wide_first"),
    add("wide_first", "wide_second", "n0"),
]
CONSTANTS = {
    "read_first": READ_FIRST,
    "weigh_second": halves(WEIGHTS, WEIGHTS)[1],
    "write_first": READ_FIRST.T,
    "write_second": READ_SECOND.T,
    "narrow": RANDOM.normal(size=(WIDTH, HALF)),
}


def test_a_state_that_is_two_side_by_side_becomes_two():
    model = trimmed(scan(TWO_IN_ONE, CONSTANTS))
    (node,) = scans_of(model)
    body = body_of(node)
    assert [len(node.input), len(body.input), len(body.output)] == [3, 3, 3]
    products = [n for n in body.node if n.op_type == "MatMul"]
    assert len(products) == 2  # with the weights, and with what narrows the input
    kept = {c.name: list(c.dims) for c in model.graph.initializer}
    assert sorted(kept.values()) == sorted([[1]] * 6 + [[HALF, HALF], [WIDTH, HALF]])


@pytest.mark.parametrize(
    "changed",
    [
        {"weigh_second": RANDOM.normal(size=(WIDTH, HALF))},
        {"write_second": RANDOM.normal(size=(HALF, WIDTH))},
        {"read_first": np.zeros((WIDTH, HALF))},
    ],
    ids=["reads both halves", "writes both halves", "reads nothing"],
)
def test_a_state_that_is_not_stays_one(changed):
    model = trimmed(scan(TWO_IN_ONE, CONSTANTS | changed))
    assert len(scans_of(model)[0].input) == 2


def test_a_state_that_is_used_whole_stays_one():
    whole = [*TWO_IN_ONE[:2], add("s0", "x", "y"), *TWO_IN_ONE[3:]]
    assert len(scans_of(trimmed(scan(whole, CONSTANTS)))[0].input) == 2


def test_a_state_whose_last_value_is_read_stays_one():
    model = trimmed(scan(TWO_IN_ONE, CONSTANTS, final=["last0"]))
    assert len(scans_of(model)[0].input) == 2


SUMS = [add("s1", "x", "n1"), add("s0", "x", "n0"), add("s0", "s0", "y")]


def test_a_state_that_nobody_reads_is_dropped():
    model = trimmed(scan(SUMS, {}, states=2))
    assert [i.name for i in body_of(scans_of(model)[0]).input] == ["s0", "x"]


def test_one_that_is_read_at_the_end_is_kept():
    model = trimmed(scan(SUMS, {}, states=2, final=["last1"]))
    assert [i.name for i in body_of(scans_of(model)[0]).input] == ["s0", "s1", "x"]


def test_one_that_is_shown_at_each_step_is_kept():
    shown = [*SUMS[:2], add("n1", "n1", "y")]
    model = trimmed(scan(shown, {}, states=2))
    assert [i.name for i in body_of(scans_of(model)[0]).input] == ["s1", "x"]


class Last(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = kind(3, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, inputs, lengths):
        states, _ = self.layer(inputs)
        at = (lengths - 1)[:, None, None].expand(-1, 1, 5)
        return self.head(states.gather(1, at).squeeze(1))


@pytest.mark.parametrize(("kind", "gates", "states"), [(nn.GRU, 3, 1), (nn.LSTM, 4, 2)])
def test_a_step_of_a_gradient_multiplies_by_its_gates_alone(kind, gates, states):
    graph = export_gradient(
        Last(kind).eval(), torch.randn(5, 7, 3), "input", torch.full((5,), 7)
    )
    found = scans_of(onnx.load_model_from_string(graph))
    assert len(found) == 2  # forward and backward
    for node in found:
        assert [n.op_type for n in body_of(node).node].count("MatMul") == gates
        (scanned,) = (a.i for a in node.attribute if a.name == "num_scan_inputs")
        assert len(node.input) - scanned == states
