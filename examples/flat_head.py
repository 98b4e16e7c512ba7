"""A network of one's own: convolutions whose last map is read position by position.

Its head is not an average over positions, so that grad_cam, hires_cam and layer_cam
differ, and the bundle holds ``gradcam.onnx``. Used by digits-flat.toml.
"""

import torch
from torch import Tensor, nn

from trainer.families.own import NetworkSpec


class FlatHead(nn.Module):
    """[n, n_channels, height, width] -> logits, [n, n_classes]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        channels, height, width = spec.shape
        self.register_buffer("mean", torch.tensor(spec.mean)[:, None, None])
        self.register_buffer("spread", torch.tensor(spec.spread)[:, None, None])
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(16 * (height // 2) * (width // 2), spec.n_classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits of pixels in the data's own unit."""
        return self.head(self.body((pixels - self.mean) / self.spread).flatten(1))


def factory(spec: NetworkSpec) -> nn.Module:
    """Return the network for the shape and classes of the data."""
    return FlatHead(spec)
