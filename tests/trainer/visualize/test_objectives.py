"""Objectives on answers that are known."""

import pytest
import torch

from trainer.errors import VisualizationError
from trainer.visualize.objectives import (
    channel,
    direction,
    diversity,
    interpolation,
    logit,
    neuron,
)


@pytest.fixture(scope="module")
def answers():
    torch.manual_seed(0)
    return {"a": torch.randn(3, 4, 5, 6), "b": torch.randn(3, 7), "": torch.randn(3, 2)}


def test_channel_neuron_and_logit_read_what_they_say(answers):
    a, b = answers["a"], answers["b"]
    assert torch.equal(channel("a", 1).score(answers), a[:, 1].mean((1, 2)))
    assert torch.equal(channel("b", 6).score(answers), b[:, 6])
    assert torch.equal(neuron("a", 2).score(answers), a[:, 2, 2, 3])
    assert torch.equal(neuron("a", 2, (0, 5)).score(answers), a[:, 2, 0, 5])
    assert torch.equal(logit(1).score(answers), answers[""][:, 1])


def test_a_direction_is_a_dot_product_and_may_care_for_the_angle(answers):
    vector = torch.tensor([1.0, -2.0, 0.0, 3.0])
    plain = torch.einsum("nkhw,k->nhw", answers["a"], vector)
    found = direction("a", vector).score(answers)
    torch.testing.assert_close(found, plain.mean((1, 2)))
    cosine = torch.nn.functional.cosine_similarity(
        answers["a"], vector[None, :, None, None], dim=1
    )
    expected = (plain * cosine.clamp_min(0.1) ** 2).mean((1, 2))
    torch.testing.assert_close(
        direction("a", vector, cosine_power=2).score(answers),
        expected,
        rtol=1e-4,
        atol=1e-5,
    )


def test_objectives_add_and_scale(answers):
    both = channel("a", 0) + channel("b", 1) * -2
    expected = answers["a"][:, 0].mean((1, 2)) - 2 * answers["b"][:, 1]
    torch.testing.assert_close(both.score(answers), expected)
    assert both.layers == ("a", "b")
    assert both.name == "a:0 + -2 x b:1"


def test_an_interpolation_runs_from_one_to_the_other(answers):
    found = interpolation(channel("b", 0), channel("b", 1)).score(answers)
    b = answers["b"]
    expected = torch.stack([b[0, 0], (b[1, 0] + b[1, 1]) / 2, b[2, 1]])
    torch.testing.assert_close(found, expected)


def test_diversity_is_least_for_equal_textures():
    one = torch.rand(1, 3, 4, 4)
    same = diversity("a").score({"a": one.expand(3, -1, -1, -1)})
    torch.testing.assert_close(same, -torch.ones(3))
    apart = torch.zeros(2, 3, 4, 4)
    apart[0, 0], apart[1, 1] = 1, 1
    torch.testing.assert_close(diversity("a").score({"a": apart}), torch.zeros(2))
    # Of a flat layer: the cosine of the outer products is that of the vectors, squared.
    flat = torch.tensor([[3.0, 4.0], [4.0, 3.0]])
    found = diversity("a").score({"a": flat})
    torch.testing.assert_close(found, torch.full((2,), -(0.96**2)))
    with pytest.raises(VisualizationError, match="at least two pictures"):
        diversity("a").score({"a": one})


@pytest.mark.parametrize("unit", [4, -1])
def test_a_unit_that_is_not_there_is_named(answers, unit):
    with pytest.raises(VisualizationError, match=f"'a' answers .* no unit {unit}"):
        channel("a", unit).score(answers)
