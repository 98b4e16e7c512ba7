"""A multi-layer perceptron on standardised tree features, with centred logits."""

import numpy as np
import torch
from torch import Tensor, nn

from trainer.config import ModelConfig
from trainer.data.encoding import Moments


class Standardise(nn.Module):
    """(features - mean) * scale; a scale of 0 makes the network ignore a column."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor) -> Tensor:
        """[n, d] in the features' units -> [n, d] in training standard deviations."""
        return (features - self.mean) * self.scale


class Centre(nn.Module):
    """Subtract the mean over classes from each row of logits.

    Softmax does not see a common shift; centring removes it, so that a logit and its
    gradient mean "this class against the others" and are the same for every network
    that gives the same probabilities.
    """

    def forward(self, logits: Tensor) -> Tensor:
        """[n, n_classes] -> [n, n_classes], each row summing to zero."""
        return logits - logits.mean(dim=1, keepdim=True)


class Predictor(nn.Module):
    """Inputs -> logits and probabilities: what predict.onnx holds."""

    def __init__(self, encoder: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """[n, n_inputs] -> ([n, n_classes], [n, n_classes])."""
        logits = self.network(self.encoder(inputs))
        return logits, torch.softmax(logits, dim=1)


def build_tabular(model: ModelConfig, moments: Moments, n_classes: int) -> nn.Module:
    """Return an untrained network from tree features [n, d] to logits [n, n_classes].

    Weights come from torch's global generator: seed it first.
    """
    scale = np.where(moments.varies, 1.0 / moments.spread, 0.0)
    mean = torch.tensor(moments.mean, dtype=torch.float32)
    layers: list[nn.Module] = [
        Standardise(mean, torch.tensor(scale, dtype=torch.float32))
    ]
    width = len(mean)
    for units in model.hidden:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes), Centre())
