"""Counterfactuals against a search over inputs and against the network itself."""

import dataclasses
from itertools import product

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
from trainer.config import parse_config
from trainer.export.write import write_model
from trainer.pipeline import train

METHOD = EXPLAINERS["counterfactual"]


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


constrained = st.fixed_dictionaries(
    {},
    optional={
        name: st.sets(st.sampled_from("abc")).map(sorted)
        for name in ("immutable", "only_increase", "only_decrease")
    },
)


@given(row=st.tuples(numbers, numbers, numbers), asked=constrained)
def test_nothing_nearer_is_found_by_trying_everything(linear_model_once, row, asked):
    result = explain(linear_model_once, row, **asked)
    assert_nearest(linear_model_once, np.array(row, dtype=np.float32), result, asked)


@given(
    age=st.none() | st.floats(0, 100, width=32),
    colour=st.sampled_from(["red", "green", "blue", "purple"]),
    fixed=st.sets(st.sampled_from(["age", "colour"])).map(sorted),
    grows=st.booleans(),
)
def test_nor_among_categories_and_missing_values(mixed, age, colour, fixed, grows):
    (x,) = encode_instances(mixed.manifest.input, [[age, colour]])
    asked = {"immutable": fixed, "only_increase": ["age"] * grows}
    assert_nearest(mixed, x, explain(mixed, x, **asked), asked)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundles") / "mixed"
    write_mixed(directory)
    return open_model(directory)


def assert_nearest(model, x, result, asked):
    """Compare with all inputs that can matter: of a number its own value and both sides
    of every threshold, of a category every one, as far as the constraints allow.
    """
    features = model.manifest.input.features
    tried = [
        [v for v in values if allowed(feature.name, x[i], v, **asked)]
        for i, (feature, values) in enumerate(
            zip(features, choices(model, x), strict=True)
        )
    ]
    inputs = np.array(list(product(*tried)), dtype=np.float32)
    there = model.predict(inputs)
    classes = np.array(model.classes)
    wanted = classes[there.tree_labels] != result.label
    holds = wanted & (there.labels == there.tree_labels)
    distances = np.array([distance(model, x, moved) for moved in inputs])
    for found, matches in (
        (result.nearest, wanted),
        (result.nearest_that_holds, holds),
    ):
        if found is not None:
            assert found.distance >= distances[matches].min() - 1e-6
    assert (result.nearest is None) == (not wanted.any())
    if result.nearest is not None:
        assert result.nearest.distance == pytest.approx(distances[wanted].min())


def choices(model, x):
    for source, feature in enumerate(model.manifest.input.features):
        found = {float(x[source])} if not np.isnan(x[source]) else {np.nan}
        if feature.kind == "categorical":
            found |= set(map(float, range(len(feature.categories))))
        elif not np.isnan(x[source]):
            for node in model.tree.nodes:
                column = model.manifest.tree_features[node.feature or 0]
                if node.threshold is not None and column.source == source:
                    edge = np.float32(node.threshold)
                    found |= {float(edge), float(np.nextafter(edge, np.float32(1e9)))}
        yield sorted(found)


def allowed(name, before, after, immutable=(), only_increase=(), only_decrease=()):
    if np.isnan(before):
        return True
    return not (
        (name in immutable and after != before)
        or (name in only_increase and after < before)
        or (name in only_decrease and after > before)
    )


def distance(model, x, moved):
    total = 0.0
    for i, feature in enumerate(model.manifest.input.features):
        if np.isnan(x[i]) and np.isnan(moved[i]):
            continue
        if feature.kind == "categorical":
            total += float(x[i] != moved[i])
        else:
            columns = model.manifest.tree_features
            (spread,) = (
                c.spread for c in columns if c.source == i and c.kind == "value"
            )
            total += abs(float(moved[i]) - float(x[i])) / spread
    return total


@given(row=st.tuples(numbers, numbers, numbers))
def test_the_change_reaches_the_leaf_and_the_network_judges_it(linear_model_once, row):
    model = linear_model_once
    result = explain(model, row)
    (label,) = model.predict(np.array([row], dtype=np.float32)).labels
    assert result.label == model.classes[label]
    for candidate in (result.nearest, result.nearest_that_holds):
        if candidate is None:
            continue
        there = model.predict(_moved(row, candidate.changes)[None])
        assert int(there.leaves[0]) == candidate.leaf
        assert model.classes[int(there.labels[0])] == candidate.network_label
        assert candidate.holds == (candidate.network_label == candidate.label)
    if result.nearest_that_holds is not None:
        assert result.nearest_that_holds.network_label != result.label


@pytest.fixture(scope="module")
def wines(tmp_path_factory):
    """Three classes."""
    raw = {"name": "wines", "data": {"named": "wine"}, "train": {"epochs": 12}}
    directory = tmp_path_factory.mktemp("bundles") / "wines"
    write_model(train(parse_config(raw), controls=False), directory)
    return open_model(directory)


class Swapped:
    """A session whose network answers one class where it answered another."""

    def __init__(self, session, one, other):
        self._session, self._pair = session, [one, other]

    def run(self, feeds):
        answers = [answer.copy() for answer in self._session.run(feeds)]
        for answer in answers[:2]:  # logits and probabilities
            answer[:, self._pair] = answer[:, self._pair[::-1]]
        return answers


def test_another_class_than_both_does_not_hold(wines):
    """The network leaves its class, but not for the one that the tree names."""
    noise = np.random.default_rng(0).normal(size=wines.background.shape)
    rows = wines.background + (noise * wines.spread).astype(np.float32)
    tried = 0
    for row in rows:
        prediction = wines.predict(row[None])
        (found,) = METHOD.explain(wines, prediction, METHOD.parameters())
        if found.nearest is None or not found.nearest.holds:
            continue
        wanted = wines.classes.index(found.nearest.label)
        (third,) = {0, 1, 2} - {wanted, int(prediction.labels[0])}
        predict = Swapped(wines.sessions["predict"], wanted, third)
        other = dataclasses.replace(
            wines, sessions={**wines.sessions, "predict": predict}
        )
        (again,) = METHOD.explain(other, prediction, METHOD.parameters())
        assert again.nearest.changes == found.nearest.changes
        assert again.nearest.network_label == wines.classes[third]
        assert not again.nearest.holds
        tried += 1
    assert tried


def test_the_wanted_class_is_the_one_that_the_tree_answers(wines):
    """Of all classes the nearest is that of one; the row's own is never wanted."""
    for row in wines.background[:30]:
        any_class = explain(wines, row)
        found = {name: explain(wines, row, target=name) for name in wines.classes}
        assert found.pop(any_class.label).nearest is None
        for name, result in found.items():
            candidates = (result.nearest, result.nearest_that_holds)
            assert {c.label for c in candidates if c is not None} <= {name}
        for field in ("nearest", "nearest_that_holds"):
            each = [getattr(result, field) for result in found.values()]
            distances = [c.distance for c in each if c is not None]
            nearest = getattr(any_class, field)
            assert (nearest is None) == (not distances)
            assert nearest is None or nearest.distance == min(distances)


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
