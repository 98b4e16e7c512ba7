"""LIME against the lime package on the same neighbourhood, and its honesty figures."""

import numpy as np
import pytest
from lime.lime_base import LimeBase

from explainers.methods.lime import (
    LimeParameters,
    fit_surrogate,
    kernel_width,
    neighbourhood,
)
from explainers.registry import EXPLAINERS, parse_parameters

ROW = np.array([[0.6, -0.4, 1.0]], dtype=np.float32)


def explain(model, **values):
    method = EXPLAINERS["lime"]
    parameters = parse_parameters(method, values)
    return method.explain(model, model.predict(ROW), parameters)[0]


@pytest.mark.parametrize("discretize", [False, True])
def test_the_fit_equals_limes_on_the_same_neighbourhood(linear_model, discretize):
    parameters = LimeParameters(discretize=discretize, samples=500)
    near = neighbourhood(linear_model, ROW[0], parameters, seed=3, n=500)
    y = linear_model.forward(near.inputs)[1].astype(np.float64)
    ours = fit_surrogate(near.interpretable, y[:, 1], near.weights)
    width = kernel_width(linear_model, parameters)
    distances = np.sqrt(((near.interpretable - near.interpretable[0]) ** 2).sum(axis=1))
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)))
    intercept, weights, r2, local = base.explain_instance_with_data(
        near.interpretable, y, distances, 1, 3, feature_selection="none"
    )
    expected = np.zeros(3)
    for feature, weight in weights:
        expected[feature] = weight
    np.testing.assert_allclose(ours.weights, expected, atol=1e-9)
    assert ours.intercept == pytest.approx(intercept, abs=1e-9)
    assert ours.predict(near.interpretable[:1])[0] == pytest.approx(local[0], abs=1e-9)
    if not discretize:
        result = explain(linear_model, samples=500, target=1, seed=3)
        fitted = neighbourhood(linear_model, ROW[0], parameters, seed=3, n=625)
        probabilities = linear_model.forward(fitted.inputs)[1].astype(np.float64)
        _, _, r2, _ = base.explain_instance_with_data(
            fitted.interpretable[:500], probabilities[:500],
            np.sqrt(((fitted.interpretable - fitted.interpretable[0]) ** 2)
                    .sum(axis=1))[:500],
            1, 3, feature_selection="none",
        )  # fmt: skip
        assert result.r2 == pytest.approx(r2, abs=1e-9)


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


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(linear_model):
    first, again, other = (explain(linear_model, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.attributions, again.attributions)
    assert not np.array_equal(first.attributions, other.attributions)


def test_stability_is_one_for_a_clear_ranking_and_null_without_repeats(linear_model):
    assert explain(linear_model).stability is None
    stable = explain(linear_model, repeats=5, samples=5000, top=1)
    assert stable.stability == 1.0


def test_a_constant_probability_has_no_r2(linear_model):
    method = EXPLAINERS["lime"]
    far = np.array([[0, 0, 0]], dtype=np.float32)
    # A kernel so narrow that only the row itself counts.
    parameters = parse_parameters(method, {"width": 1e-3})
    (result,) = method.explain(linear_model, linear_model.predict(far), parameters)
    assert result.r2 is None
    assert np.isfinite(result.attributions).all()
