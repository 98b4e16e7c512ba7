"""Networks and data of one's own."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from explainers.errors import UnsupportedMethodError
from explainers.registry import find_method
from trainer.config import OwnModel, parse_config
from trainer.errors import ConfigError, DataError, ExportError
from trainer.export.recurrent_scan import portable
from trainer.export.write import export_checked
from trainer.families.base import Graph
from trainer.families.own import NetworkSpec, build_own
from trainer.own_code import find_function
from trainer.prepare import prepare

SPEC = NetworkSpec(
    family="image", shape=(1, 8, 8), n_classes=3,
    mean=np.zeros(1, np.float32), spread=np.ones(1, np.float32),
)  # fmt: skip


def test_what_cannot_be_differentiated_is_served_with_the_reason(case_of):
    model = case_of("resized").model
    reason = model.manifest.unavailable["gradient"]
    assert "upsample_bilinear2d_backward" in reason
    assert "gradient" not in model.sessions
    with pytest.raises(UnsupportedMethodError, match="upsample_bilinear2d_backward"):
        find_method(model, "gradient")
    (inputs,) = case_of("resized").rows
    assert len(model.predict(inputs)) == 64


def test_short_forms_are_the_long_ones():
    short = parse_config({"name": "a", "data": "m.n:load", "model": "m.n:make"})
    assert short.data.loader == "m.n:load"
    assert short.model == OwnModel(factory="m.n:make")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("own_networks", "expected 'package.module:function'"),
        ("own_networks:", "expected 'package.module:function'"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("json:no_such", "module 'json' has no function 'no_such'"),
        ("json:__doc__", "has no function"),
    ],
)
def test_references_that_lead_nowhere(reference, message):
    with pytest.raises(ConfigError) as caught:
        find_function(reference, "model")
    assert message in str(caught.value)


ODD_NETWORKS = """
from torch import nn, zeros


class Answers(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, inputs):
        return self.answer(inputs)


def one_too_many(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, spec.n_classes + 1))


def double(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, spec.n_classes).double())


def half(spec):
    return Answers(lambda inputs: zeros(len(inputs), spec.n_classes).half())


def no_tensor(spec):
    return Answers(lambda inputs: zeros(len(inputs), spec.n_classes).numpy())


def out_of_bounds(spec):
    return Answers(lambda inputs: inputs.flatten(1)[:, 99])


def asserts(spec):
    def answer(inputs):
        assert inputs.shape[1] == 3

    return Answers(answer)


def sound(spec):
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3))
    return network.train()
"""


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (
            "one_too_many",
            r"two rows with a tensor of shape \(2, 4\); expected .*2, 3",
        ),
        ("double", r"fails on two rows of zeros, of shape \(2, 1, 8, 8\) .*Double"),
        ("out_of_bounds", "fails on two rows of zeros, .*IndexError: index 99"),
        ("asserts", "fails on two rows of zeros, .*AssertionError"),
        ("half", r"answers in torch.float16; expected torch.float32"),
        ("no_tensor", r"with ndarray; expected a tensor of shape \(2, 3\)"),
    ],
)
def test_a_network_that_cannot_answer_is_refused_before_it_is_trained(
    factory, message, tmp_path, monkeypatch
):
    (tmp_path / "odd_networks.py").write_text(ODD_NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=message):
        build_own(OwnModel(factory=f"odd_networks:{factory}"), SPEC)
    before = torch.random.get_rng_state()
    network = build_own(OwnModel(factory="odd_networks:sound"), SPEC)
    assert network.network.training
    assert not torch.equal(before, torch.random.get_rng_state())  # its weights alone
    torch.random.set_rng_state(before)
    alone = nn.Linear(64, 3)
    assert torch.equal(network.network[2].weight, alone.weight)


def test_factories_that_return_no_network(case_of):
    case_of("own")  # its directory can be imported from
    with pytest.raises(ConfigError, match="returned str; expected a torch.nn.Module"):
        build_own(OwnModel(factory="own_networks:not_a_module"), SPEC)
    with pytest.raises(ConfigError, match=r"options \['depth'\]: .* 'depth'"):
        build_own(OwnModel(factory="own_networks:pooled", options={"depth": 2}), SPEC)


def test_loaders_that_return_no_data(case_of):
    case_of("own")
    config = parse_config({"name": "a", "data": "own_networks:pooled", "model": {}})
    with pytest.raises((DataError, TypeError)):
        prepare(config)
    config = parse_config({"name": "a", "data": "json:JSONDecoder"})
    with pytest.raises(DataError, match="returned JSONDecoder; expected one of RawTab"):
        prepare(config)


@pytest.mark.parametrize(
    "layer",
    [
        nn.GRU(3, 4, batch_first=True, bidirectional=True),
        nn.LSTM(3, 4, batch_first=True, proj_size=2),
        nn.GRU(3, 4),
        nn.RNN(3, 4, batch_first=True),
    ],
)
def test_recurrences_that_have_no_portable_form_are_refused(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ExportError, match=type(layer).__name__):
            portable(nn.Sequential(layer))


class Branches(nn.Module):
    """Asks its inputs which way to go, which a graph cannot."""

    def forward(self, inputs):
        return inputs if inputs.sum() > 0 else -inputs


def test_a_network_without_an_onnx_form_is_told_what_that_means():
    graph = Graph(
        Branches().eval(),
        ("input",),
        ("logits",),
        lambda n, random: (random.normal(size=(n, 3)).astype(np.float32),),
    )
    with pytest.raises(
        ExportError, match="predict.onnx cannot be written, and"
    ) as told:
        export_checked("predict.onnx", graph)
    assert "torch says: " in str(told.value)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_a_scan_is_the_recurrence_it_replaces(kind, layers, bias):
    torch.manual_seed(0)
    layer = kind(3, 5, num_layers=layers, bias=bias, batch_first=True).eval()
    x = torch.randn(4, 9, 3)
    with torch.no_grad():
        expected, _ = layer(x)
        found, _ = portable(layer)(x)
    assert torch.allclose(found, expected, atol=1e-6)
