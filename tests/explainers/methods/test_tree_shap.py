"""Shapley values of the tree against shap.TreeExplainer and against the definition."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import shap
from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier

from explainers.methods.tree_shap import class_shares, shapley_values
from explainers.registry import EXPLAINERS, parse_parameters


@pytest.mark.parametrize("leaves", [2, 5, 13])
def test_equals_shap_on_every_class_and_adds_up(to_tree, leaves):
    features, labels = load_wine(return_X_y=True)
    features = features.astype(np.float32)
    classifier = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    classifier.fit(features, labels)
    tree = to_tree(classifier)
    shares = class_shares(tree)
    explainer = shap.TreeExplainer(
        classifier, feature_perturbation="tree_path_dependent"
    )
    expected = explainer.shap_values(features[::5])  # [n, features, classes]
    for i, row in enumerate(features[::5]):
        for target in range(3):
            ours = shapley_values(tree, shares[:, target], row)
            np.testing.assert_allclose(ours, expected[i, :, target], atol=1e-9)
            leaf = classifier.apply(row[None])[0]
            change = shares[leaf, target] - shares[0, target]
            assert ours.sum() == pytest.approx(change, abs=1e-9)


def _brute_force(tree, values, row) -> np.ndarray:
    """Shapley's formula over all coalitions; a feature outside one is averaged out."""

    def game(coalition, node=0) -> float:
        at = tree.nodes[node]
        if at.is_leaf:
            return float(values[node])
        if at.feature in coalition:
            left = np.float32(row[at.feature]) <= at.threshold
            return game(coalition, at.left if left else at.right)
        left, right = tree.nodes[at.left], tree.nodes[at.right]
        return (left.n * game(coalition, left.id) + right.n * game(coalition, right.id)
                ) / at.n  # fmt: skip

    n = tree.n_features
    result = np.zeros(n)
    for feature in range(n):
        others = [i for i in range(n) if i != feature]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for coalition in combinations(others, size):
                gain = game({*coalition, feature}) - game(set(coalition))
                result[feature] += weight * gain
    return result


def test_equals_the_definition_by_brute_force(linear_model):
    tree = linear_model.tree
    values = np.array([0.0, 0.3, 0.0, 0.9, 0.2])
    # The last two are at the thresholds, where a row goes left.
    for row in ([1, -2, 0], [0.2, 5, 1], [1, 3, 0], [0.5, -2, 0], [1, -1.5, 0]):
        row = np.array(row, dtype=np.float32)
        np.testing.assert_allclose(
            shapley_values(tree, values, row),
            _brute_force(tree, values, row),
            atol=1e-12,
        )


def test_the_default_target_is_the_answer_of_the_tree(linear_model):
    method = EXPLAINERS["tree_shap"]
    rows = np.array([[1, -2, 0]], dtype=np.float32)  # tree: yes, network: no
    prediction = linear_model.predict(rows)
    (result,) = method.explain(linear_model, prediction, parse_parameters(method, {}))
    assert result.target == "yes"
    assert result.value - result.base_value == pytest.approx(result.attributions.sum())
