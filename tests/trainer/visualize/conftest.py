"""A small convolutional network trained on real digits."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainer.visualize.optimise import Bounds


@pytest.fixture(scope="session")
def digits():
    """Return X [1797, 1, 8, 8] float32, grey values 0 to 16, and y [1797]."""
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 1, 8, 8).astype(np.float32), y.astype(np.int64)


@pytest.fixture(scope="session")
def digits_network(digits):
    X, y = (torch.from_numpy(a) for a in digits)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(12):
        for rows in torch.randperm(len(X)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X[rows] / 16), y[rows]).backward()
            optimizer.step()
    return nn.Sequential(Divide(16.0), *network).eval()


class Divide(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x):
        return x / self.by


@pytest.fixture(scope="session")
def digits_bounds():
    return Bounds((1, 8, 8), np.array([0.0]), np.array([16.0]))
