"""The whole of training: figures that hold, controls that are measured alike."""

import msgspec
import numpy as np
import pytest

from trainer.config import RegularizerConfig, parse_config
from trainer.errors import ConfigError, TrainingWarning
from trainer.fit import predict_probabilities
from trainer.pipeline import recorded, train


def test_figures_are_of_the_test_split(cancer_trained):
    prepared, metrics = cancer_trained.prepared, cancer_trained.metrics
    test = prepared.split.test
    p = predict_probabilities(cancer_trained.network, prepared.Z[test])
    decisions, y = p.argmax(1), prepared.table.y[test]
    answers = cancer_trained.tree.decide(prepared.Z[test])
    assert metrics.network["accuracy"].value == (decisions == y).mean()
    assert metrics.tree.fidelity.value == (answers == decisions).mean()
    assert metrics.tree.accuracy.value == (answers == y).mean()
    length = cancer_trained.tree.average_path_length(prepared.Z[test])
    assert metrics.tree.average_path_length.value == pytest.approx(length)
    assert {e.n for e in metrics.network.values()} == {len(test)}


def test_breast_cancer_is_learned_and_explained(cancer_trained):
    metrics = cancer_trained.metrics
    assert metrics.network["auc"].value >= 0.97
    assert metrics.tree.fidelity.value >= 0.9
    assert 2 <= metrics.tree.leaves <= 10
    floor = metrics.constant_class
    assert metrics.tree.fidelity.low > floor["fidelity"].value


def test_controls_have_the_same_leaf_budget(cancer_trained):
    metrics = cancer_trained.metrics
    assert set(metrics.controls) == {"cart", "posthoc_l2"}
    for control in metrics.controls.values():
        assert control.tree is not None
        assert 2 <= control.tree.leaves <= metrics.tree.leaves
        assert control.tree.fidelity.n == metrics.tree.fidelity.n
    assert metrics.controls["cart"].network == {}
    assert set(metrics.controls["posthoc_l2"].network) == set(metrics.network)


def test_provenance_is_enough_to_train_again(cancer_trained, cancer_config):
    provenance = cancer_trained.provenance
    assert parse_config(provenance.configuration) == cancer_config
    assert provenance.data_digest == cancer_trained.prepared.table.digest
    assert sum(provenance.rows.values()) == 569
    assert provenance.libraries["torch"].startswith("2.")


def test_an_absolute_path_is_not_recorded():
    data = {"path": "/home/me/secret/t.csv", "target": "y"}
    config = parse_config({"name": "a", "data": data})
    assert recorded(config)["data"]["path"] == "t.csv"


def test_an_unknown_regularizer_is_refused(cancer_config):
    config = msgspec.structs.replace(
        cancer_config, regularizer=RegularizerConfig(name="push")
    )
    with pytest.raises(ConfigError, match="unknown regularizer 'push'; available: pu"):
        train(config)


def test_a_rare_class_that_the_tree_leaves_out_is_warned_of(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(1500, 2))
    y = np.where((X[:, 0] > 1.9) & (X[:, 1] > -1), "rare", "common")
    y[X[:, 0] < -0.3] = "other"
    lines = [f"{a:.4f},{b:.4f},{c}" for (a, b), c in zip(X, y, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines]))
    config = parse_config(
        {
            "name": "rare",
            "data": {"path": "t.csv", "target": "y"},
            "train": {"epochs": 40},
            "tree": {"strength": 0.2},
            "regularizer": {"name": "none"},
        }
    )
    with pytest.warns(TrainingWarning, match="never answers 'rare'"):
        train(config, tmp_path, controls=False)


def test_more_than_two_classes():
    config = parse_config(
        {"name": "wine", "data": {"named": "wine"}, "train": {"epochs": 60}}
    )
    trained = train(config, controls=False)
    assert trained.tree.n_classes == 3
    assert trained.metrics.network["auc"].value > 0.95
    assert "predicted_positive_rate" not in trained.metrics.network
