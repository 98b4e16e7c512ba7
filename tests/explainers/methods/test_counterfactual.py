"""Counterfactuals against a search over all leaves and against the network itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainers.errors import ParameterError
from explainers.instances import encode_instances
from explainers.loading import open_model
from explainers.methods.counterfactual import _changes, _constraints, move_to_leaf
from explainers.registry import EXPLAINERS, parse_parameters
from tests.api.small_bundles import write_mixed

METHOD = EXPLAINERS["counterfactual"]
SPREAD = 2.0


def explain(model, row, **values):
    rows = np.array([row], dtype=np.float32)
    parameters = parse_parameters(METHOD, values)
    return METHOD.explain(model, model.predict(rows), parameters)[0]


def _moved(row, changes) -> np.ndarray:
    moved = np.array(row, dtype=np.float32)
    for change in changes:
        moved["abc".index(change.feature)] = change.after
    return moved


numbers = st.floats(-4, 4, width=32)


@given(row=st.tuples(numbers, numbers, numbers))
def test_the_nearest_leaf_is_the_nearest_by_brute_force(linear_model_once, row):
    model = linear_model_once
    result = explain(model, row)
    x = np.array(row, dtype=np.float32)
    best = np.inf
    for leaf in model.tree.leaves:
        if model.classes[leaf.label] == result.label:
            continue
        distance = 0.0
        for feature, (lower, upper) in model.tree.intervals(leaf.id).items():
            value = float(x[feature])
            distance += max(lower - value, value - upper, 0) / SPREAD
        best = min(best, distance)
    assert result.nearest.distance == pytest.approx(best, abs=1e-6)


@given(row=st.tuples(numbers, numbers, numbers))
def test_the_change_reaches_the_leaf_and_the_network_judges_it(linear_model_once, row):
    model = linear_model_once
    result = explain(model, row)
    for candidate in (result.nearest, result.nearest_that_holds):
        if candidate is None:
            continue
        there = model.predict(_moved(row, candidate.changes)[None])
        assert int(there.leaves[0]) == candidate.leaf
        assert model.classes[int(there.labels[0])] == candidate.network_label
        assert candidate.holds == (candidate.network_label == candidate.label)
    if result.nearest_that_holds is not None:
        assert result.nearest_that_holds.network_label != result.label


def test_constraints_are_kept_or_nothing_is_offered(linear_model):
    row = [1, 0, 0]  # network: yes (logit -+), tree: no
    free = explain(linear_model, row, target="yes")
    assert [c.feature for c in free.nearest.changes] == ["b"] if free.nearest else True
    for values in ({"immutable": ["b"]}, {"only_increase": ["b"]}):
        held = explain(linear_model, [1, 5, 0], target="yes", **values)
        assert held.label == "yes" or held.nearest is None


def test_a_leaf_is_entered_from_above_by_one_float_step(linear_model):
    result = explain(linear_model, [0.5, -3, 0], target="yes")
    (change,) = result.nearest.changes
    assert change.feature == "a"
    assert np.float32(change.after) == np.nextafter(np.float32(0.5), np.float32(1))


@pytest.mark.parametrize("field", ["immutable", "only_increase", "only_decrease"])
def test_an_unknown_feature_is_named(linear_model, field):
    with pytest.raises(ParameterError, match="'d'.*one of a, b, c") as caught:
        explain(linear_model, [0, 0, 0], **{field: ["a", "d"]})
    assert caught.value.path == f"$.{field}[1]"


def test_a_category_that_training_never_saw_has_no_name_before_the_change(tmp_path):
    write_mixed(tmp_path / "mixed")
    model = open_model(tmp_path / "mixed")
    x = encode_instances(model.manifest.input, [[50, "purple"]])[0]
    (green,) = (
        leaf for leaf, words in model.rules.items() if "colour = green" in words
    )
    moved = move_to_leaf(model, x, green, _constraints(model, METHOD.parameters()))
    (change,) = _changes(model, x, moved)
    assert (change.feature, change.before, change.after) == ("colour", None, "green")
