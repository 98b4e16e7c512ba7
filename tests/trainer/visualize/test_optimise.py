"""Ascent: where the answer is known, what it beats, and that it repeats itself."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from trainer.visualize.objectives import channel, diversity, each, logit
from trainer.visualize.optimise import (
    UNREGULARISED,
    Bounds,
    Recipe,
    optimise,
    outdo,
    score_inputs,
)

QUICK = Recipe(steps=160)


class Sphere(nn.Module):
    """w . x - |x|^2 / 2: a linear unit with a price on the norm; the optimum is w."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x):
        flat = x.flatten(1)
        return flat @ self.w.reshape(-1, 1) - flat.square().sum(1, keepdim=True) / 2


@pytest.mark.parametrize("parametrisation", ["fourier", "pixel"])
def test_a_linear_unit_s_optimum_points_along_its_weights(parametrisation):
    torch.manual_seed(0)
    w = torch.randn(1, 1, 12, 12)
    recipe = Recipe(
        steps=600,
        learning_rate=0.005,
        parametrisation=parametrisation,
        robustness=None,
    )
    bounds = Bounds((1, 12, 12), np.array([-20.0]), np.array([20.0]))
    made = optimise(Sphere(w), logit(0), bounds, recipe).pixels.ravel()
    cosine = made @ w.numpy().ravel() / np.linalg.norm(made) / float(w.norm())
    assert cosine > 0.99


def test_a_linear_unit_without_a_price_ends_in_the_corner_of_its_signs():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(144, 1))
    recipe = Recipe(steps=64, parametrisation="pixel", robustness=None)
    bounds = Bounds((1, 12, 12), np.array([-1.0]), np.array([1.0]))
    made = optimise(network, logit(0), bounds, recipe).pixels.ravel()
    corner = np.sign(network[1].weight.detach().numpy().ravel())
    assert made @ corner / np.linalg.norm(made) / 12 > 0.99


def test_most_units_answer_more_than_to_the_best_real_example(
    digits_network, digits, digits_bounds
):
    x = torch.from_numpy(digits[0])
    units = [
        *(channel("1", unit) for unit in range(12)),
        *(channel("3", unit) for unit in range(16)),
        *(logit(target) for target in range(10)),
    ]
    made = optimise(
        digits_network, each(units), digits_bounds, QUICK, pictures=len(units)
    )
    best = [score_inputs(digits_network, unit, x).max() for unit in units]
    assert np.mean(made.scores > best) >= 0.9


def test_a_unit_of_finest_detail_is_optimised_in_place():
    checkerboard = nn.Conv2d(1, 1, 2, bias=False)
    checkerboard.weight.data = torch.tensor([[[[1.0, -1.0], [-1.0, 1.0]]]])
    network = nn.Sequential(checkerboard, nn.ReLU())
    unit, bounds = channel("1", 0), Bounds((1, 16, 16), np.zeros(1), np.ones(1))
    moved = outdo(network, unit, bounds, QUICK, best_real=-1.0)
    assert moved.moved
    in_place = outdo(network, unit, bounds, QUICK, best_real=float(moved.scores[0]))
    assert not in_place.moved
    assert in_place.scores[0] > 1.2 * moved.scores[0]


def test_pictures_of_one_batch_do_not_disturb_one_another(
    digits_network, digits_bounds
):
    still = Recipe(steps=30, robustness=None)
    pair = [
        optimise(
            digits_network, each([logit(2), other]), digits_bounds, still, pictures=2
        ).pixels[0]
        for other in (logit(5), channel("1", 0))
    ]
    np.testing.assert_allclose(*pair, atol=1e-3)


def test_the_same_seed_makes_the_same_picture(digits_network, digits_bounds):
    few = Recipe(steps=20)
    first, again, other = (
        optimise(digits_network, logit(3), digits_bounds, recipe).pixels
        for recipe in (few, few, Recipe(steps=20, seed=1))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_ascent_sets_out_from_a_smooth_picture_and_not_from_noise(digits_network):
    """Compare the share of variance in the upper half of the frequencies."""
    bounds = Bounds((1, 32, 32), np.zeros(1), np.ones(1))
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)[None])

    def noise(recipe):
        first = dataclasses.replace(recipe, steps=0)
        made = optimise(digits_network, channel("1", 0), bounds, first).pixels[0, 0]
        power = np.abs(np.fft.fft2(made - made.mean())) ** 2
        return power[frequency > 0.25].sum() / power.sum()

    assert noise(UNREGULARISED) > 0.6  # white: 70 % of the frequencies are up there
    assert noise(Recipe()) < 0.45  # 1 / f: about 35 % of the variance


def test_pictures_of_a_batch_differ_more_with_diversity(digits_network, digits_bounds):
    def spread(objective):
        made = optimise(
            digits_network, objective, digits_bounds, Recipe(steps=80), pictures=3
        )
        return made.pixels.std(axis=0).mean()

    plain = channel("3", 2)
    assert spread(plain + diversity("3") * 20) > spread(plain)


def test_the_network_is_left_as_it_was(digits_network, digits_bounds):
    before = [p.clone() for p in digits_network.parameters()]
    optimise(digits_network, logit(0), digits_bounds, Recipe(steps=2))
    for old, new in zip(before, digits_network.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.requires_grad
        assert new.grad is None or not new.grad.isnan().any()
