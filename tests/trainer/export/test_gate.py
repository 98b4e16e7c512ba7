"""What the gate lets through: rounding, by double precision, and nothing else."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from trainer.errors import ExportError, GradientExportError
from trainer.export import gate
from trainer.export.gate import accept_gradient, accept_graph
from trainer.export.gradients import export_gradient
from trainer.export.graphs import export_graph


def draw(n, random):
    return random.standard_normal((n, 64), dtype=np.float32)


def deep():
    """Many ReLU6 in a row, some of whose inputs are always next to a kink."""
    torch.manual_seed(0)
    parts = [nn.Sequential(nn.Linear(64, 64), nn.ReLU6()) for _ in range(24)]
    network = nn.Sequential(*parts, nn.Linear(64, 3))
    with torch.no_grad():
        for weight in (w for w in network.parameters() if w.dim() == 2):
            weight.mul_(4.5)
    return network.eval()


class NearZero(nn.Module):
    """Logits of sums that all but cancel: torch's own are wrong in the third digit."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        signs = torch.ones(2, 4000)
        signs[:, 2000:] = -1
        self.weight = nn.Parameter(10 * signs + 0.01 * torch.randn(2, 4000))

    def forward(self, inputs):
        return (inputs + 1) @ self.weight.T


def test_logits_that_cancel_are_held_against_double_precision():
    network = NearZero().eval()
    raw = export_graph(network, (torch.randn(5, 4000),), ("input",), ("logits",))

    def draw_close(n, random):
        return 0.01 * random.standard_normal((n, 4000), dtype=np.float32)

    accept_graph("predict.onnx", raw, network, draw_close)


def test_gradient_of_many_kinks_is_held_against_double_precision():
    network = deep()
    raw = export_gradient(network, torch.randn(5, 64), "input")
    accept_gradient("gradient.onnx", raw, network, draw)


@pytest.mark.parametrize("part", [0, -1])
def test_graph_of_other_weights_is_refused(part):
    """One layer a twentieth larger, on a network where rounding is large too."""
    network = deep()
    other = copy.deepcopy(network)
    with torch.no_grad():
        next(other[part].parameters()).mul_(1.05)
    raw = export_graph(other, (torch.randn(5, 64),), ("input",), ("logits",))
    with pytest.raises(ExportError, match="differs from torch by"):
        accept_graph("predict.onnx", raw, network, draw)
    raw = export_gradient(other, torch.randn(5, 64), "input")
    with pytest.raises(GradientExportError, match="differs from torch by"):
        accept_gradient("gradient.onnx", raw, network, draw)


def test_no_rounding_excuses_more_than_the_loosest(monkeypatch):
    monkeypatch.setattr(gate, "LOOSEST", 0.0)
    with pytest.raises(GradientExportError, match="differs from torch by"):
        test_gradient_of_many_kinks_is_held_against_double_precision()
