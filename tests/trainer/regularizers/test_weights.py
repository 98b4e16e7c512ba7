"""Penalties on weights, by hand."""

import pytest
import torch
from torch import nn

from trainer.regularizers.weights import L1, L2, L1Orthogonal


def network(*matrices):
    layers = []
    for matrix in matrices:
        layer = nn.Linear(len(matrix[0]), len(matrix))
        layer.weight.data = torch.tensor(matrix)
        layer.bias.data.fill_(100.0)  # biases are not charged
        layers.append(layer)
    return nn.Sequential(*layers)


def penalty(kind, model, weight):
    regularizer = kind(torch.zeros(1, 2), model, weight=weight, steps=3)
    return regularizer(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))


MATRICES = [[1.0, -2.0], [0.0, 3.0]], [[0.1, -0.9]]


@pytest.mark.parametrize(("kind", "expected"), [(L1, 7.0), (L2, (14 + 0.82) / 2)])
def test_plain_norms(kind, expected):
    assert penalty(kind, network(*MATRICES), 0.1).item() == pytest.approx(expected / 10)


def test_orthogonal_layers_cost_their_l1_alone():
    rotation = [[0.6, 0.8], [-0.8, 0.6]]
    tall = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]  # its columns are orthonormal
    assert penalty(L1Orthogonal, network(rotation), 1).item() == pytest.approx(2.8)
    assert penalty(L1Orthogonal, network(tall), 1).item() == pytest.approx(2.0)


def test_distance_from_orthogonality_by_hand():
    # gram = [[5, -6], [-6, 9]]: |4| + 6 + 6 + |8| = 24, and L1 = 6.
    matrix = [[1.0, -2.0], [0.0, 3.0]]
    assert penalty(L1Orthogonal, network(matrix), 1).item() == pytest.approx(30)


def test_gradients_reach_the_weights():
    model = network(*MATRICES)
    penalty(L1Orthogonal, model, 1.0).backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in model)
    assert all(layer.bias.grad is None for layer in model)
