"""The tabular network: standardised inside, centred outside."""

import numpy as np
import torch

from trainer.config import ModelConfig
from trainer.data.encoding import measure_moments
from trainer.families.tabular import build_tabular


def test_logits_are_centred_and_probabilities_unchanged():
    Z = np.random.default_rng(0).normal(5, 3, (50, 4)).astype(np.float32)
    torch.manual_seed(0)
    network = build_tabular(ModelConfig(hidden=(8,)), measure_moments(Z), 3)
    logits = network(torch.from_numpy(Z))
    assert torch.allclose(logits.sum(1), torch.zeros(50), atol=1e-6)
    plain = network[:-1](torch.from_numpy(Z))
    assert torch.allclose(torch.softmax(logits, 1), torch.softmax(plain, 1), atol=1e-6)
    first = network[0](torch.from_numpy(Z)).numpy()
    np.testing.assert_allclose(first.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(first.std(0), 1, atol=1e-5)


def test_a_column_that_never_varied_is_ignored():
    Z = np.ones((20, 2), dtype=np.float32)
    Z[:, 1] = np.arange(20)
    network = build_tabular(ModelConfig(hidden=(8,)), measure_moments(Z), 2)
    moved = Z.copy()
    moved[:, 0] = 1e6
    assert torch.equal(network(torch.from_numpy(Z)), network(torch.from_numpy(moved)))


def test_no_hidden_layer_is_a_linear_model():
    Z = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    network = build_tabular(ModelConfig(hidden=()), measure_moments(Z), 2)
    x = torch.from_numpy(Z)
    middle = network((x[:10] + x[10:]) / 2)
    assert torch.allclose(middle, (network(x[:10]) + network(x[10:])) / 2, atol=1e-5)
