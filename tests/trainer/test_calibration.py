"""Temperature: against the truth it was simulated from, and what it must not change."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.calibration import FEWEST_ROWS, Tempered, fit_temperature, temper
from trainer.families.tabular import Centre


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_it_recovers_the_temperature_of_overconfident_logits(truth, classes):
    random = np.random.default_rng(0)
    z = random.normal(scale=2, size=(20_000, classes))
    y = np.array([random.choice(classes, p=row / row.sum()) for row in softmax(z)])
    assert fit_temperature(softmax(z * truth), y) == pytest.approx(truth, rel=0.05)


def test_few_rows_say_nothing():
    p = softmax(np.random.default_rng(0).normal(size=(FEWEST_ROWS - 1, 2)))
    assert fit_temperature(p, p.argmax(1)) == 1.0


def test_logits_are_divided_and_decisions_stay():
    torch.manual_seed(0)
    X = torch.rand(50, 3)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), Centre())
    before = network(X).detach()
    wrapped = temper(nn.Sequential(network), 2.0)
    assert isinstance(wrapped, Tempered)
    torch.testing.assert_close(wrapped(X), before / 2)
    folded = temper(network, 2.0)
    assert folded is network
    torch.testing.assert_close(folded(X), before / 2)
    assert torch.equal(folded(X).argmax(1), before.argmax(1))
