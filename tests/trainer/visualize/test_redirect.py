"""Shut ReLUs let a first gradient through, and only inwards."""

import pytest
import torch
from torch import nn

from trainer.visualize.redirect import redirected


def gradient(module, x, downstream):
    x = torch.tensor(x, requires_grad=True)
    with redirected(module):
        module(x).backward(torch.tensor(downstream))
    return x.grad.tolist()


@pytest.mark.parametrize("module", [nn.ReLU(), nn.ReLU6(), nn.Sequential(nn.ReLU6())])
def test_a_dead_input_is_moved_back_into_range(module):
    # All shut: a negative gradient (raise it) passes, a positive one does not.
    assert gradient(module, [[-1.0, -2.0]], [[-1.0, 1.0]]) == [[-1.0, 0.0]]


def test_above_six_only_a_gradient_that_lowers_passes():
    assert gradient(nn.ReLU6(), [[7.0, 8.0]], [[-1.0, 1.0]]) == [[0.0, 1.0]]


def test_where_something_gets_through_the_gradient_is_the_plain_one():
    x, down = [[-1.0, 2.0], [-1.0, -2.0]], [[-1.0, -1.0], [-1.0, -1.0]]
    assert gradient(nn.ReLU(), x, down) == [[0.0, -1.0], [-1.0, -1.0]]


def test_values_and_afterwards_everything_are_as_before():
    module, x = nn.ReLU6(), torch.linspace(-3, 9, 30)
    expected = module(x)
    with redirected(module) as end:
        assert torch.equal(module(x), expected)
        end()
        assert "forward" not in module.__dict__
    assert "forward" not in module.__dict__
