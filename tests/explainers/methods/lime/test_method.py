"""LIME against the lime package on the same neighbourhood, and its honesty figures."""

from itertools import combinations

import numpy as np
import pytest
from lime.lime_base import LimeBase

from explainers.errors import ParameterError
from explainers.methods.lime.method import (
    LimeParameters,
    kernel_width,
    neighbourhood,
)
from explainers.methods.lime.surrogate import fit_surrogate, r2, sum_moments
from explainers.registry import EXPLAINERS, parse_parameters

ROW = np.array([[0.6, -0.4, 1.0]], dtype=np.float32)


def explain(model, **values):
    method = EXPLAINERS["lime"]
    parameters = parse_parameters(method, values)
    return method.explain(model, model.predict(ROW), parameters)[0]


@pytest.mark.parametrize("discretize", [False, True])
@pytest.mark.parametrize("n", [500, 3000])  # in one block of copies, and in several
def test_the_fit_equals_limes_on_the_same_neighbourhood(linear_model, discretize, n):
    parameters = LimeParameters(discretize=discretize, samples=n)
    near = neighbourhood(linear_model, ROW[0], None, parameters, seed=3)
    samples = near.samples(slice(0, n))
    here = float(samples.probabilities[0, 1])
    moments = sum_moments(near, slice(0, n), 1, here)
    ours = fit_surrogate(moments, here)
    width = kernel_width(linear_model, parameters)
    interpretable = near.origin + samples.offsets
    distances = np.sqrt((samples.offsets**2).sum(axis=1))
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)))
    intercept, weights, score, local = base.explain_instance_with_data(
        interpretable, samples.probabilities.astype(float), distances, 1, 3,
        feature_selection="none",
    )  # fmt: skip
    expected = np.zeros(3)
    for feature, weight in weights:
        expected[feature] = weight
    np.testing.assert_allclose(ours.coefficients, expected, atol=1e-9)
    assert ours.local == pytest.approx(local[0], abs=1e-9)
    assert r2(ours, moments, here) == pytest.approx(score, abs=1e-9)
    result = explain(
        linear_model, samples=n, discretize=discretize, target=1, seed=3, repeats=2
    )
    np.testing.assert_allclose(result.attributions, expected, atol=1e-9)
    assert result.intercept == pytest.approx(intercept, abs=1e-9)
    assert result.r2 == pytest.approx(score, abs=1e-9)


def test_the_held_out_score_is_of_the_copies_that_follow(linear_model):
    parameters = LimeParameters(samples=500)
    near = neighbourhood(linear_model, ROW[0], None, parameters, seed=3)
    result = explain(linear_model, samples=500, target=1, seed=3)
    fresh = near.samples(slice(500, 550))
    y = fresh.probabilities[:, 1].astype(float)
    answers = result.intercept + (near.origin + fresh.offsets) @ result.attributions
    mean = np.average(y, weights=fresh.weights)
    error = np.average((y - answers) ** 2, weights=fresh.weights)
    variance = np.average((y - mean) ** 2, weights=fresh.weights)
    assert result.held_out_r2 == pytest.approx(1 - error / variance, abs=1e-9)


def test_numbers_are_drawn_with_the_training_mean_and_spread(linear_model):
    parameters = LimeParameters(samples=10_000)
    near = neighbourhood(linear_model, ROW[0], None, parameters, seed=0)
    inputs, offsets = near.parts[0][1].take(slice(1, 10_000))
    np.testing.assert_allclose(inputs.mean(axis=0), 0.5, atol=0.1)
    np.testing.assert_allclose(inputs.std(axis=0), 2, atol=0.1)
    np.testing.assert_allclose(offsets, (inputs - ROW[0]) / 2, atol=1e-5)


@pytest.mark.parametrize(("name", "value"), [("segments", 4), ("segmentation", "slic")])
def test_a_parameter_of_another_family_is_refused(linear_model, name, value):
    with pytest.raises(ParameterError, match=f"{name}: is for .*image inputs"):
        explain(linear_model, **{name: value})


def test_recovers_the_direction_of_a_linear_network(linear_model, linear_weights):
    result = explain(linear_model, target=1, samples=5000)
    # Per training standard deviation (2): proportional to the weights.
    cosine = (
        result.attributions
        @ linear_weights[:, 1]
        / (np.linalg.norm(result.attributions) * np.linalg.norm(linear_weights[:, 1]))
    )
    assert cosine > 0.99
    assert result.held_out_r2 == pytest.approx(result.r2, abs=0.1)


@pytest.mark.parametrize("discretize", [False, True])
def test_the_same_seed_gives_the_same_answer_and_another_seed_another(
    linear_model, discretize
):
    first, again, other = (
        explain(linear_model, seed=seed, discretize=discretize) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.attributions, again.attributions)
    assert not np.array_equal(first.attributions, other.attributions)


def test_stability_is_one_for_a_clear_ranking_and_null_without_repeats(linear_model):
    assert explain(linear_model).stability is None
    stable = explain(linear_model, repeats=5, samples=5000, top=1)
    assert stable.stability == 1.0


@pytest.mark.parametrize("seed", [3, 20, 41])
def test_stability_is_the_mean_overlap_of_answers_to_the_seeds_that_follow(
    linear_model, seed
):
    # Few copies under a narrow kernel: which two features lead changes by the seed.
    few = {"samples": 50, "width": 0.3, "target": 1}
    tops = []
    for following in range(seed, seed + 5):
        sizes = np.abs(explain(linear_model, seed=following, **few).attributions)
        tops.append(frozenset(sorted(range(3), key=lambda i: -sizes[i])[:2]))
    assert len(set(tops)) > 1
    # Of pairs of features two are the same (1) or share one of the three (1/3).
    overlaps = [1 if a == b else 1 / 3 for a, b in combinations(tops, 2)]
    result = explain(linear_model, seed=seed, repeats=5, top=2, **few)
    assert result.stability == pytest.approx(np.mean(overlaps))
    assert result.seed == seed


@pytest.mark.parametrize("discretize", [False, True])
def test_the_gap_is_between_the_surrogate_and_the_network(linear_model, discretize):
    result = explain(linear_model, target=0, samples=500, discretize=discretize)
    network = float(linear_model.predict(ROW).probabilities[0, 0])
    # Discretised, every feature is "as here", and here it is.
    features = np.ones(3) if discretize else (ROW[0].astype(np.float64) - 0.5) / 2
    surrogate = result.intercept + float(features @ result.attributions)
    assert result.local_prediction == pytest.approx(surrogate, abs=1e-6)
    assert surrogate < network - 0.01  # a gap is no difference: it has no sign
    gap = network - surrogate
    assert result.local_prediction_gap == pytest.approx(gap, abs=1e-6)


def test_a_constant_probability_has_no_r2(linear_model):
    method = EXPLAINERS["lime"]
    far = np.array([[0, 0, 0]], dtype=np.float32)
    # A kernel so narrow that only the row itself counts.
    parameters = parse_parameters(method, {"width": 1e-3})
    (result,) = method.explain(linear_model, linear_model.predict(far), parameters)
    assert result.r2 is None
    assert np.isfinite(result.attributions).all()
