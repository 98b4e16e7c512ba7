"""Layers that networks of several families share."""

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """(features - mean) * scale; a scale of 0 makes the network ignore a column."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor) -> Tensor:
        """[n, ...] in the features' units -> [n, ...] in training deviations."""
        return (features - self.mean) * self.scale


class Centre(nn.Module):
    """Subtract the mean over classes from each row of logits.

    Softmax does not see a common shift; centring removes it, so that a logit and its
    gradient mean "this class against the others" and are the same for every network
    that gives the same probabilities.
    """

    def forward(self, logits: Tensor) -> Tensor:
        """[..., n_classes] -> [..., n_classes], each row summing to zero."""
        return logits - logits.mean(dim=-1, keepdim=True)


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
