"""Extreme eigenvalues beside numpy's, on Hessians that fit in memory."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.landscape.sharpness import extreme_eigenvalues, measure_sharpness
from trainer.landscape.weights import flatten, unflatten, weights_of


def full_hessian(network, loss):
    weights = weights_of(network)

    def of(vector):
        parameters = unflatten(vector, weights)
        return loss(lambda x: torch.func.functional_call(network, parameters, (x,)))

    return torch.autograd.functional.hessian(of, flatten(weights)).numpy()


@pytest.fixture(scope="module")
def problem():
    torch.manual_seed(0)
    x, y = torch.randn(60, 4).double(), torch.randint(3, (60,))
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    return network, lambda f: nn.functional.cross_entropy(f(x), y)


def test_both_ends_are_numpy_s(problem):
    network, loss = problem
    expected = np.linalg.eigvalsh(full_hessian(network, loss))
    found = measure_sharpness(network, loss)
    assert found.largest.value == pytest.approx(expected[-1], rel=1e-3)
    assert found.smallest.value == pytest.approx(expected[0], abs=1e-3 * expected[-1])
    assert found.largest.residual < 0.05
    assert found.negative_share == pytest.approx(
        abs(expected[0]) / expected[-1], abs=0.01
    )


def test_a_dominant_negative_end_is_told_apart():
    matrix = torch.diag(torch.tensor([-5.0, -1.0, 0.5, 2.0], dtype=torch.float64))
    found = extreme_eigenvalues(lambda v: matrix @ v, 4)
    assert found.largest.value == pytest.approx(2.0, rel=1e-3)
    assert found.smallest.value == pytest.approx(-5.0, rel=1e-3)
    assert found.negative_share == pytest.approx(2.5, rel=1e-3)


def test_a_residual_is_relative_to_its_own_eigenvalue():
    # Two small eigenvalues under a large one are not told apart within the iterations:
    # halfway between them the vector is off by a third of its value.
    matrix = torch.diag(torch.tensor([10, 5, 0.02, 0.01], dtype=torch.float64))
    found = extreme_eigenvalues(lambda v: matrix @ v, 4)
    assert found.largest.residual < 1e-3
    assert 0.01 <= found.smallest.value <= 0.02
    assert found.smallest.residual > 0.05


def test_a_quadratic_has_its_own_curvature():
    network = nn.Linear(1, 1, bias=False)
    found = measure_sharpness(
        network, lambda f: 3.5 * f(torch.ones(1, 1)).square().sum()
    )
    assert found.largest.value == pytest.approx(7.0)
    assert found.negative_share == 0


def test_it_leaves_the_network_alone(problem):
    network, loss = problem
    before = flatten(weights_of(network))
    measure_sharpness(network, loss)
    assert torch.equal(before, flatten(weights_of(network)))
    assert all(p.grad is None for p in network.parameters())
