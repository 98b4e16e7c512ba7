"""Gradient graphs: equal to captum, general over modules, refused when wrong."""

import numpy as np
import onnx
import pytest
import torch
from captum.attr import Saliency
from torch import nn

from explainers.onnx_runtime import Session
from explainers.onnx_safety import check_graph
from trainer.errors import ExportError, GradientExportError
from trainer.export.gate import accept_gradient, accept_graph, relative_error
from trainer.export.gradients import export_gradient
from trainer.export.graphs import export_graph, quiet


def normal(*shape):
    return lambda n, random: random.normal(size=(n, *shape)).astype(np.float32)


MODULES = {
    "mlp": (
        nn.Sequential(nn.Linear(6, 9), nn.SiLU(), nn.LayerNorm(9), nn.Linear(9, 3)),
        (6,),
    ),
    "activations": (
        nn.Sequential(
            nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 9),
            nn.ELU(), nn.LeakyReLU(), nn.Hardtanh(), nn.Sigmoid(), nn.Linear(9, 2),
        ),
        (6,),
    ),
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2), nn.ReLU(),
            nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3),
        ),
        (1, 8, 8),
    ),
    "overlapping pools": (
        nn.Sequential(
            nn.MaxPool2d((2, 3)), nn.Conv2d(2, 3, 3, padding=1),
            nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), nn.Flatten(),
            nn.Linear(18, 3),
        ),
        (2, 9, 8),
    ),
    "transformer": (
        nn.Sequential(
            nn.TransformerEncoderLayer(8, 2, 12, dropout=0, batch_first=True),
            nn.Flatten(), nn.Linear(10 * 8, 3),
        ),
        (10, 8),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=MODULES)
def exported(request):
    """Return a module, its input's shape and its gradient graph."""
    network, shape = MODULES[request.param]
    torch.manual_seed(0)
    for layer in network:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    raw = export_gradient(network.eval(), torch.rand(3, *shape), "input")
    return network, shape, raw


def test_gradients_equal_captum_for_any_batch(exported):
    network, shape, raw = exported
    session = accept_gradient("gradient.onnx", raw, network, normal(*shape))
    assert session.inputs == ("input", "target")
    assert session.outputs == ("logits", "gradient")
    random = np.random.default_rng(9)
    for rows in (1, 2, 33):
        x = normal(*shape)(rows, random)
        target = random.integers(0, 2, rows)
        logits, gradient = session.run({"input": x, "target": target})
        inputs = torch.from_numpy(x).requires_grad_(True)
        oracle = Saliency(network).attribute(
            inputs, torch.from_numpy(target), abs=False
        )
        scale = oracle.abs().max()
        assert np.abs(gradient - oracle.numpy()).max() <= 1e-5 * scale
        with torch.no_grad():
            np.testing.assert_allclose(
                logits, network(torch.from_numpy(x)), rtol=1e-4, atol=1e-5
            )


def test_graphs_hold_nothing_but_what_they_need(exported):
    _, _, raw = exported
    check_graph("gradient.onnx", raw)
    model = onnx.load_model_from_string(raw)
    assert not model.metadata_props
    assert not model.graph.value_info
    assert all(not n.metadata_props and not n.doc_string for n in model.graph.node)
    assert model.opset_import[0].version == 20
    assert b".py" not in raw  # no stack traces, hence no paths


def test_a_maximum_is_looked_for_once(exported):
    network, _, raw = exported
    nodes = onnx.load_model_from_string(raw).graph.node
    pools = sum(isinstance(layer, nn.MaxPool2d) for layer in network)
    assert sum(node.op_type == "MaxPool" for node in nodes) == pools


def test_each_weight_is_written_once(exported):
    network, _, raw = exported
    graph = onnx.load_model_from_string(raw).graph
    written = sum(np.prod(tensor.dims, dtype=int) for tensor in graph.initializer)
    assert written <= 2.5 * sum(weight.numel() for weight in network.parameters())


def test_the_same_network_gives_the_same_bytes_and_is_not_touched():
    network = nn.Linear(2, 2)
    raw = export_gradient(network, torch.rand(3, 2), "input")
    assert export_gradient(network, torch.rand(2, 2), "input") == raw
    assert network.training
    assert network.weight.requires_grad


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else -self.layer(x)


class Unknown(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x) * x


@pytest.mark.parametrize("network", [Branching(), Unknown()])
def test_what_cannot_be_exported_says_why(network):
    with pytest.raises(GradientExportError) as caught:
        export_gradient(network, torch.rand(3, 2), "input")
    assert str(caught.value).split(":")[0].isidentifier()
    assert "\n" not in str(caught.value)


def test_a_gradient_of_another_network_is_refused():
    torch.manual_seed(0)
    first, second = nn.Linear(4, 2), nn.Linear(4, 2)
    raw = export_gradient(first, torch.rand(3, 4), "input")
    with pytest.raises(GradientExportError, match="'logits' differs from torch by"):
        accept_gradient("gradient.onnx", raw, second, normal(4))


def test_a_gradient_that_is_zero_everywhere_is_refused():
    network = nn.Linear(4, 2)
    nn.init.zeros_(network.weight)
    raw = export_gradient(network, torch.rand(3, 4), "input")
    with pytest.raises(GradientExportError, match="zero on every input"):
        accept_gradient("gradient.onnx", raw, network, normal(4))


class Frozen(nn.Module):
    """Its graph works for five rows only: the batch is a constant inside."""

    def forward(self, x):
        return x + torch.arange(5.0)[:, None]


def test_a_frozen_batch_is_refused():
    module = nn.Linear(3, 2).eval()
    with quiet():
        program = torch.onnx.export(
            module, (torch.rand(5, 3),), dynamo=True, verbose=False, opset_version=20,
            input_names=["input"], output_names=["logits"],
        )  # fmt: skip
    raw = program.model_proto.SerializeToString()
    with pytest.raises(ExportError, match="input has a fixed batch axis"):
        accept_graph("predict.onnx", raw, module, normal(3))
    frozen = export_graph(Frozen(), (torch.rand(5, 3),), ["input"], ["logits"])
    with pytest.raises(ExportError):
        accept_graph("predict.onnx", frozen, Frozen(), normal(3))


def test_operators_outside_the_allow_list_are_refused():
    node = onnx.helper.make_node("Hardmax", ["input"], ["logits"])
    shape = ["batch", 3]
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, shape)],
    )
    raw = onnx.helper.make_model(graph).SerializeToString()
    with pytest.raises(ExportError, match="operator Hardmax is not allowed"):
        accept_graph("predict.onnx", raw, nn.Identity(), normal(3))


def test_relative_error():
    one = np.array([3.0, 4.0], dtype=np.float32)
    assert relative_error(one, one) == 0
    assert relative_error(one * 0, one) == pytest.approx(1)
    assert relative_error(one[:1], one) == float("inf")
    assert relative_error(one * np.float32("nan"), one) == float("inf")


def test_a_session_is_what_the_server_runs():
    raw = export_graph(nn.Linear(3, 2), (torch.rand(5, 3),), ["input"], ["logits"])
    out = Session("x", raw).run({"input": np.zeros((9000, 3), dtype=np.float32)})[0]
    assert out.shape == (9000, 2)
