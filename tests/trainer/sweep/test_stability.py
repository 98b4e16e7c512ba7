"""How alike trees are."""

import dataclasses

import msgspec
import numpy as np
import pytest

from trainer.config import RegionsConfig
from trainer.distill import distill
from trainer.pruning import LEAF
from trainer.routing import route
from trainer.rows import predict_rows
from trainer.sweep.stability import compare, compare_bootstraps


def test_overlap_and_agreement_by_hand():
    features = [{"a", "b"}, {"b", "c"}, {"a", "b"}]
    answers = [np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])]
    found = compare(features, answers)
    assert found.trees == 3
    assert found.jaccard == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)
    assert found.agreement == pytest.approx((0.75 + 1 + 0.75) / 3)


def test_one_tree_is_like_itself():
    found = compare([{"a"}], [np.array([1])])
    assert (found.jaccard, found.agreement) == (1.0, 1.0)
    # Figures of one would read as perfect stability.
    assert str(found) == "one tree, and none to compare it with"


def test_bootstraps_of_real_data_agree_more_than_they_name_alike(cancer_trained):
    found = compare_bootstraps(cancer_trained, 6)
    assert found.trees == 6
    assert 0 < found.jaccard < 1
    assert 0.85 < found.agreement <= 1
    assert found == compare_bootstraps(cancer_trained, 6)


def test_bootstraps_of_a_regional_bundle_have_one_tree_a_region(cancer_trained):
    prepared = cancer_trained.prepared
    regions = RegionsConfig(rule="mean texture > 19")
    config = msgspec.structs.replace(prepared.config, regions=regions)
    prepared = dataclasses.replace(prepared, config=config)
    trained = dataclasses.replace(cancer_trained, prepared=prepared)
    texture = [c.name for c in prepared.family.describe_tree_features()].index(
        "mean texture"
    )
    split, Z = prepared.split, prepared.Z
    n = len(split.train)
    answers = predict_rows(trained.network, prepared.all_rows)
    random = np.random.default_rng(config.train.seed)
    named, answered = [], []
    for _ in range(3):
        drawn = split.train[np.sort(random.integers(0, n, n))]
        names, told = {texture}, np.full(len(Z), -1)
        for side in (Z[:, texture] <= 19, Z[:, texture] > 19):
            here = drawn[side[drawn]]
            tree = distill(
                Z[here],
                answers[here],
                strength=config.tree.strength,
                min_samples_leaf=prepared.min_samples_leaf,
            )
            names |= set(tree.feature[tree.feature != LEAF].tolist())
            told[side] = tree.labels[route(tree, Z[side])]
        named.append(names)
        answered.append(told[split.held_out])
    assert compare_bootstraps(trained, 3) == compare(named, answered)
