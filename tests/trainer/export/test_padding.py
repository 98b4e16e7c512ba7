"""Padding in a network: the gradient's graph keeps its batch free, and crops."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.export.gate import accept_gradient
from trainer.export.gradients import export_gradient


class Padded(nn.Module):
    """Zero or constant padding, uneven, before a convolution with a stride."""

    def __init__(self, pad, value):
        super().__init__()
        self.pad, self.value = pad, value
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.last = nn.LazyLinear(3)

    def forward(self, inputs):
        padded = nn.functional.pad(inputs, self.pad, value=self.value)
        return self.last(torch.tanh(self.first(padded)).flatten(1))


@pytest.mark.parametrize(
    ("pad", "value"), [((0, 1, 0, 1), 0.0), ((2, 0, 1, 3), 0.5), ((-1, 1, 2, -2), 0.0)]
)
def test_padding_is_exported_with_any_batch(pad, value):
    torch.manual_seed(0)
    network = Padded(pad, value)
    network(torch.rand(2, 3, 8, 8))
    network.eval()
    raw = export_gradient(network, torch.rand(5, 3, 8, 8), "input")

    def draw(n, random):
        return random.random((n, 3, 8, 8), dtype=np.float32)

    accept_gradient("gradient.onnx", raw, network, draw)  # batches of 1, 7 and 64
