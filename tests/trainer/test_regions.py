"""Regional trees: told apart as asked, distilled apart, one tree as a whole."""

import itertools

import msgspec
import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

from explainers.loading import open_model
from explainers.registry import EXPLAINERS, parse_parameters
from explainers.tree import read_tree, write_tree
from trainer.config import RegionsConfig, parse_config
from trainer.controls import count_leaves, grow_cart
from trainer.distill import distill
from trainer.errors import ConfigError, DataError
from trainer.export.write import write_model
from trainer.pipeline import find_regions, measure_controls, train
from trainer.regions import (
    distil,
    find_roots,
    plan_regions,
    sparsemax,
    worst_region,
)
from trainer.routing import path_lengths, route
from trainer.rows import predict_rows

RULE = RegionsConfig(rule="worst radius > 16.5")


@pytest.fixture(scope="module")
def columns(cancer_trained):
    return cancer_trained.prepared.family.describe_tree_features()


@pytest.fixture(scope="module")
def answers(cancer_rows):
    """Return X and probabilities of a rule that differs on the two sides."""
    X, _ = cancer_rows
    z = np.where(X[:, 20] > 16.5, 20 * (X[:, 27] - 0.12), X[:, 21] - 26)
    p = 1 / (1 + np.exp(-z))
    return X, np.stack([1 - p, p], axis=1).astype(np.float32)


def test_a_rule_tells_two_regions_apart(columns, cancer_rows):
    X, _ = cancer_rows
    regions = plan_regions(RULE, columns)
    assert regions.names == ("worst radius <= 16.5", "worst radius > 16.5")
    np.testing.assert_array_equal(regions.of(X), X[:, 20] > 16.5)
    other_way = plan_regions(RegionsConfig(rule="worst radius<=16.5"), columns)
    assert other_way.names == regions.names


def test_a_column_gives_a_region_a_category(mixed_trained):
    prepared = mixed_trained.prepared
    columns = prepared.family.describe_tree_features()
    regions = plan_regions(RegionsConfig(column="colour"), columns)
    assert set(regions.names) == {"colour = pale", "colour = ruby", "colour = dark"}
    names = [column.name for column in columns]
    region = regions.of(prepared.Z)
    last = {c for c in regions.names if c == regions.names[0]}  # and missing values
    for r, name in enumerate(regions.names):
        there = prepared.Z[:, names.index(name)] == 1
        assert (region[there] == r).all()
        if name not in last:
            assert there[region == r].all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (RegionsConfig(rule="worst radius = 3"), "is not `name <= number`"),
        (RegionsConfig(rule="age > 3"), "with one of the names mean radius"),
        (RegionsConfig(rule="worst radius > 1e"), "'1e' is no number"),
        (RegionsConfig(column="ward"), "no column of categories; available: none"),
    ],
)
def test_what_names_nothing_is_refused(columns, config, message):
    with pytest.raises(ConfigError) as caught:
        plan_regions(config, columns)
    assert message in str(caught.value)


def test_each_region_has_the_tree_of_its_own_rows(columns, answers):
    X, p = answers
    regions = plan_regions(RULE, columns)
    options = {"strength": 0.01, "min_samples_leaf": 5}
    tree = distil(regions, X, p, **options)
    roots, above = find_roots(regions, tree)
    assert above == [0]
    region = regions.of(X)
    lengths = path_lengths(tree)[route(tree, X)]
    for r, root in enumerate(roots):
        here = region == r
        own = distill(X[here], p[here], **options)
        labels = own.labels[route(own, X[here])]
        np.testing.assert_array_equal(tree.labels[route(tree, X[here])], labels)
        np.testing.assert_array_equal(
            lengths[here] - 1, path_lengths(own)[route(own, X[here])]
        )
        assert tree.rows[root] == here.sum()


def test_a_region_with_one_answer_is_a_leaf(columns, answers):
    X, p = answers
    p = np.where((X[:, 20] > 16.5)[:, None], [[0.1, 0.9]], p).astype(np.float32)
    regions = plan_regions(RULE, columns)
    tree = distil(regions, X, p, strength=0.01, min_samples_leaf=5)
    roots, _ = find_roots(regions, tree)
    assert tree.feature[roots[0]] >= 0
    assert tree.feature[roots[1]] == -1


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    random = np.random.default_rng(0)
    for _ in range(20):
        scores = random.normal(size=3)
        found = sparsemax(scores)
        assert found.sum() == pytest.approx(1)
        assert found.min() >= 0
        grid = np.linspace(0, 1, 41)
        points = [
            (a, b, 1 - a - b) for a, b in itertools.product(grid, grid) if a + b <= 1
        ]
        nearest = min(((np.array(q) - scores) ** 2).sum() for q in points)
        assert ((found - scores) ** 2).sum() <= nearest + 1e-9


def test_the_worst_region_is_charged_and_the_others_are_not():
    charges = torch.tensor([1.0, 3.0, 0.1, 0.3, 9.0], requires_grad=True)
    region = torch.tensor([0, 0, 1, 1, 3])  # region 2 has no row in this batch
    penalty = worst_region(charges, region, 4)
    assert penalty.item() == pytest.approx(9.0)
    penalty.backward()
    assert charges.grad.tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    alike = worst_region(torch.tensor([1.0, 1.0]), torch.tensor([0, 1]), 2)
    assert alike.item() == pytest.approx(1.0)


@pytest.fixture(scope="module")
def regional(cancer_config, tmp_path_factory):
    raw = {
        "name": "regional",
        "data": {"named": "breast_cancer"},
        "model": {"hidden": [16]},
        "train": {"epochs": 40},
        "regions": {"rule": "worst radius > 16.5"},
    }
    trained = train(parse_config(raw), controls=False)
    directory = tmp_path_factory.mktemp("bundles") / "regional"
    write_model(trained, directory)
    return trained, open_model(directory)


def test_the_rivals_of_a_regional_bundle_have_its_regions_and_budgets(regional):
    trained, _ = regional
    prepared, tree = trained.prepared, trained.tree
    regions, leaves = find_regions(prepared), count_leaves(tree)
    assert sum(leaves) == len(tree.leaves)
    rows, seed = prepared.rows(prepared.split.train), prepared.config.train.seed
    cart = grow_cart(prepared, leaves, regions)
    # By hand: each side of the rule has the CART that scikit-learn fits to it.
    for side, most in zip(
        (rows.Z[:, 20] <= 16.5, rows.Z[:, 20] > 16.5), leaves, strict=True
    ):
        oracle = DecisionTreeClassifier(
            max_leaf_nodes=most, min_samples_leaf=5, random_state=seed
        ).fit(rows.Z[side], rows.y[side])
        test = prepared.rows(prepared.split.test)
        here = (test.Z[:, 20] <= 16.5) == (rows.Z[side][0, 20] <= 16.5)
        told = cart.labels[route(cart, test.Z[here])]
        assert (told == oracle.predict(test.Z[here])).all()
    probabilities = predict_rows(trained.network, prepared.all_rows)
    rivals = measure_controls(prepared, probabilities, tree)
    for rival in rivals.values():
        assert "one for each region" in rival.description
        assert rival.tree.leaves <= len(tree.leaves)


def test_a_region_is_given_no_more_leaves_than_it_may_have(columns, answers):
    X, p = answers
    regions = plan_regions(RULE, columns)
    tree = distil(regions, X, p, strength=0.0001, min_samples_leaf=5, max_leaves=[1, 3])
    roots, _ = find_roots(regions, tree)
    assert tree.feature[roots[0]] == -1
    assert (tree.feature == -1).sum() in (3, 4)


def test_a_bundle_names_the_region_in_every_path(regional):
    trained, model = regional
    assert [region.name for region in model.tree.regions] == [
        "worst radius <= 16.5", "worst radius > 16.5",
    ]  # fmt: skip
    root = model.tree.nodes[0]
    assert (root.feature, root.threshold) == (20, 16.5)  # as the user wrote it
    method = EXPLAINERS["tree_path"]
    prepared = trained.prepared
    X = prepared.table.X[prepared.split.test]
    paths = method.explain(model, model.predict(X), parse_parameters(method, {}))
    for path, row in zip(paths, X, strict=True):
        sign = "<=" if row[20] <= 16.5 else ">"
        assert path.region == f"worst radius {sign} 16.5"
    assert trained.metrics.tree.fidelity.value > 0.9


def test_the_report_names_each_leaf_s_region(regional):
    _, model = regional
    report = model.files["report.html"].decode()
    for region, told in zip(model.tree.regions, ("&lt;=", "&gt;"), strict=True):
        leaves = [x for x in model.tree.leaves if model.tree.region_of(x.id) == region]
        cell = f"<td>worst radius {told} 16.5</td></tr>"
        assert report.count(cell) == len(leaves) > 0


def test_a_regional_tree_is_read_back(regional):
    tree = regional[0].tree
    again = read_tree(write_tree(tree), tree.n_features, tree.n_classes)
    assert again.regions == tree.regions
    assert again.region_of(0) is None
    for region in tree.regions:
        assert again.region_of(region.root) == region


def test_a_region_with_too_few_rows_is_named(cancer_trained):
    prepared = cancer_trained.prepared
    config = msgspec.structs.replace(
        prepared.config, regions=RegionsConfig(rule="worst radius > 36")
    )
    rare = type(prepared)(config, prepared.family)
    with pytest.raises(DataError, match="'worst radius > 36' has 1 training rows"):
        find_regions(rare)
