"""Layers by name, and nothing run behind the last of them."""

import pytest
import torch
from torch import nn

from trainer.errors import VisualizationError
from trainer.visualize.activations import record


def test_layers_answer_as_in_a_whole_pass(digits_network, digits):
    x = torch.from_numpy(digits[0][:5])
    found = record(digits_network, ["2", "", "1"], x)
    torch.testing.assert_close(found["1"], digits_network[:2](x))
    torch.testing.assert_close(found["2"], digits_network[:3](x))
    torch.testing.assert_close(found[""], digits_network(x))


def test_it_stops_at_the_last_layer_asked_for_and_removes_its_hooks():
    class Trap(nn.Module):
        def forward(self, x):
            raise AssertionError("run needlessly")

    network = nn.Sequential(nn.Linear(2, 3), Trap())
    assert record(network, ["0"], torch.ones(1, 2))["0"].shape == (1, 3)
    with pytest.raises(AssertionError):
        network(torch.ones(1, 2))
    assert not network[0]._forward_hooks


def test_a_layer_that_is_not_there_is_named_with_those_that_are():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with pytest.raises(VisualizationError, match="no layer '7'; the network has: 0, 1"):
        record(network, ["7"], torch.ones(1, 2))


def test_a_layer_that_is_not_run_or_answers_no_tensor_is_named():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.idle, self.attention = nn.Linear(1, 1), nn.MultiheadAttention(2, 1)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    with pytest.raises(VisualizationError, match="'idle' is not run"):
        record(Idle(), ["idle"], torch.ones(1, 4, 2))
    with pytest.raises(VisualizationError, match="'attention' answers tuple"):
        record(Idle(), ["attention"], torch.ones(1, 4, 2))


def test_a_recurrent_layer_answers_its_states():
    gru = nn.GRU(2, 3, batch_first=True)
    network, x = nn.ModuleDict({"gru": gru}), torch.randn(2, 5, 2)
    network.forward = lambda x: gru(x)[0]
    assert torch.equal(record(network, ["gru"], x)["gru"], gru(x)[0])
