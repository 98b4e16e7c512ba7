"""Networks and data of one's own, as a user would write them beside a configuration."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainer.data.raw import RawImages, RawSequences


def ragged(by_step: bool = False, n: int = 160) -> RawSequences:
    """2 to 12 steps of 3 channels; up where a's last three steps average above 0."""
    random = np.random.default_rng(0)
    values = [random.normal(size=(random.integers(2, 13), 3)) for _ in range(n)]
    recent = [
        [value[max(0, i - 2) : i + 1, 0].mean() for i in range(len(value))]
        for value in values
    ]
    labels = [["up" if mean > 0 else "down" for mean in means] for means in recent]
    return RawSequences(
        values,
        labels if by_step else [steps[-1] for steps in labels],
        channels=("a", "b", "c"),
        units={"a": "mg/dl"},
    )


def few_digits() -> RawImages:
    """The digits 0, 1 and 2 of scikit-learn: 8 x 8 pixels, 0 to 16."""
    images, digits = load_digits(return_X_y=True)
    few = digits < 3
    return RawImages(images[few].reshape(-1, 8, 8), [str(d) for d in digits[few]])


class Pooled(nn.Module):
    """Average pooling, stride, groups; a head on the mean of the map."""

    def __init__(self, spec, width):
        super().__init__()
        self.scale = float(spec.spread[0])
        self.first = nn.Conv2d(spec.shape[0], width, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.second = nn.Conv2d(width, 2 * width, 3, padding=1, groups=width)
        self.head = nn.Linear(2 * width, spec.n_classes)

    def feature_map(self, inputs):
        hidden = self.pool(torch.relu(self.first(inputs / self.scale)))
        return torch.nn.functional.silu(self.second(hidden))

    def forward(self, inputs):
        return self.head(self.feature_map(inputs).mean((2, 3)))


def pooled(spec, width=4):
    return Pooled(spec, width)


class Flat(nn.Module):
    """A map before the last, a way around it, and a head that is not linear."""

    def __init__(self, spec):
        super().__init__()
        self.scale = float(spec.spread[0])
        self.first = nn.Conv2d(spec.shape[0], 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(6 * 16, 8), nn.GELU(), nn.Linear(8, spec.n_classes)
        )

    def forward(self, inputs):
        hidden = self.pool(torch.relu(self.first(inputs / self.scale)))
        return self.head(hidden + torch.relu(self.last(hidden)))


def flat(spec):
    return Flat(spec)


class Resized(nn.Module):
    """Its forward pass exports, its gradient does not: bilinear resizing has none."""

    def __init__(self, spec):
        super().__init__()
        self.scale = float(spec.spread[0])
        self.first = nn.Conv2d(spec.shape[0], 6, 3, padding=1)
        self.last = nn.Linear(6 * 16 * 16, spec.n_classes)

    def forward(self, inputs):
        hidden = torch.relu(self.first(inputs / self.scale))
        large = nn.functional.interpolate(hidden, scale_factor=2, mode="bilinear")
        return self.last(large.flatten(1))


def resized(spec):
    return Resized(spec)


def not_a_module(spec):
    return "a network"
