"""Every method has a hand-computed answer on logits = input @ W + b."""

import numpy as np
import pytest

from explainers.errors import ParameterError
from explainers.registry import EXPLAINERS, parse_parameters

ROWS = np.array([[1, -2, 0], [0.5, 0.25, 4]], dtype=np.float32)
MEAN = 0.5


def explain(model, name, **values):
    method = EXPLAINERS[name]
    return method.explain(model, model.predict(ROWS), parse_parameters(method, values))


def test_tree_path_by_hand(linear_model):
    first, second = explain(linear_model, "tree_path")
    assert (first.leaf, first.label, first.agrees) == (3, "yes", False)
    assert first.rule == "a > 0.5 and b <= -1.5"
    assert [(s.node, s.name, s.value, s.operator, s.threshold) for s in first.path] == [
        (0, "a", 1.0, ">", 0.5),
        (2, "b", -2.0, "<=", -1.5),
    ]
    # |1 - 0.5| / 2 and |-2 + 1.5| / 2: in training standard deviations (2).
    assert [step.margin for step in first.path] == [0.25, 0.25]
    assert (second.leaf, second.margin) == (1, 0.0)


@pytest.mark.parametrize("target", [0, 1])
def test_gradient_is_the_weight_column(linear_model, linear_weights, target):
    for result in explain(linear_model, "gradient", target=target):
        assert np.array_equal(result.attributions, linear_weights[:, target])
        assert result.target == ("no", "yes")[target]
        assert result.encoded_attributions is None


def test_smoothgrad_of_a_linear_model_is_its_gradient(linear_model, linear_weights):
    for result in explain(linear_model, "smoothgrad", target="yes", noise=1.5):
        np.testing.assert_allclose(result.attributions, linear_weights[:, 1], rtol=1e-6)


def test_input_x_gradient_is_input_times_weight(linear_model, linear_weights):
    for row, result in zip(
        ROWS, explain(linear_model, "input_x_gradient", target=1), strict=True
    ):
        assert np.array_equal(result.attributions, row * linear_weights[:, 1])


@pytest.mark.parametrize(("baseline", "start"), [("training_mean", MEAN), ("zero", 0)])
def test_integrated_gradients_are_exact_and_complete(
    linear_model, linear_weights, baseline, start
):
    results = explain(
        linear_model, "integrated_gradients", target=1, baseline=baseline, steps=3
    )
    for row, result in zip(ROWS, results, strict=True):
        np.testing.assert_allclose(
            result.attributions, (row - start) * linear_weights[:, 1], rtol=1e-6
        )
        assert result.completeness.met
        assert result.completeness.absolute < 1e-6
        assert result.parameters["steps"] == 3


def test_integrated_gradients_at_the_baseline_have_no_relative_error(linear_model):
    method = EXPLAINERS["integrated_gradients"]
    at_baseline = np.full((1, 3), MEAN, dtype=np.float32)
    (result,) = method.explain(
        linear_model, linear_model.predict(at_baseline), parse_parameters(method, {})
    )
    assert result.completeness.relative is None
    assert result.completeness.met
    assert not result.attributions.any()


def test_the_default_target_is_the_predicted_class(linear_model):
    labels = linear_model.predict(ROWS).labels
    for name in ("gradient", "integrated_gradients", "smoothgrad"):
        targets = [result.target for result in explain(linear_model, name)]
        assert targets == [linear_model.classes[label] for label in labels]


@pytest.mark.parametrize("target", [2, -1, "maybe", "1"])
def test_an_unknown_target_names_the_classes(linear_model, target):
    with pytest.raises(ParameterError, match="one of 0 .'no'., 1 .'yes'."):
        explain(linear_model, "gradient", target=target)
