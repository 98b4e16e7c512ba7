"""Training on through the projection: the tree decides, the ranking comes back."""

import msgspec
import numpy as np
import pytest
import torch

from trainer.config import parse_config
from trainer.distill import distill, route
from trainer.finetune import finetune
from trainer.metrics import auc
from trainer.pipeline import choose_deciding_tree, train
from trainer.prepare import prepare
from trainer.reopen import as_grown
from trainer.rows import predict_rows


@pytest.fixture(scope="module")
def config():
    return parse_config(
        {
            "name": "cancer",
            "data": {"named": "breast_cancer"},
            "model": {"family": "tabular", "hidden": [16]},
            "train": {"epochs": 40},
            "decision": "tree",
        }
    )


@pytest.fixture(scope="module")
def trained(config):
    return train(config, controls=False)


def test_the_tree_decides_every_row_held_out_or_not(trained):
    prepared = trained.prepared
    decided = predict_rows(trained.network, prepared.all_rows).argmax(axis=1)
    np.testing.assert_array_equal(decided, trained.tree.decide(prepared.Z))
    assert trained.metrics.tree.fidelity.value == 1
    assert trained.metrics.network["accuracy"].value == (
        trained.metrics.tree.accuracy.value
    )


@pytest.mark.parametrize("confused", [0.0, 0.4])
def test_tree_of_the_labels_decides_where_that_of_the_network_decides_worse(confused):
    """The network's tree is one of labels, of which some are another class's."""
    asked = {"name": "cancer", "data": {"named": "breast_cancer"}, "decision": "tree"}
    prepared = prepare(parse_config(asked))
    split, y = prepared.split, prepared.table.y
    wrong = np.where(np.random.default_rng(0).random(len(y)) < confused, 1 - y, y)
    tree = distill(
        prepared.Z[split.train], np.eye(2)[wrong[split.train]],
        strength=0.02, min_samples_leaf=5,
    )  # fmt: skip
    chosen = choose_deciding_tree(prepared, tree)

    def error(one):
        decided = one.labels[route(one, prepared.Z[split.validation])]
        return (decided != y[split.validation]).mean()

    if confused:
        assert chosen is not tree
        assert error(chosen) < error(tree)
    else:
        assert error(chosen) == error(tree)


def log_loss(network, rows):
    p = predict_rows(network, rows)[np.arange(len(rows)), rows.y]
    return float(-np.log(np.maximum(p.astype(float), 1e-12)).mean())


def test_it_lowers_the_loss_of_the_projected_network_and_ranks_better(trained):
    """The unfinetuned network, projected on the same tree, is the rival."""
    prepared, network = trained.prepared, trained.network
    config = msgspec.structs.replace(prepared.config, decision="network")
    pulled = train(config, controls=False)
    rows = prepared.rows(prepared.split.train)
    decisions = trained.tree.decide(rows.Z)
    scores = {}
    for name, inner in (("pulled", pulled.network), ("tuned", network.network)):
        side = type(network)(inner, network.features, as_grown(trained.tree), 2).eval()
        held_out = prepared.rows(prepared.split.held_out)
        p = predict_rows(side, held_out)[:, 1]
        scores[name] = log_loss(side, rows), auc(p, held_out.y == 1)
    assert (decisions == predict_rows(network, rows).argmax(1)).all()
    assert scores["tuned"][0] < scores["pulled"][0]
    assert scores["tuned"][1] > scores["pulled"][1]


def test_the_given_network_is_left_as_it_is_and_the_seed_decides(config):
    prepared = prepare(config)
    torch.manual_seed(0)
    network = prepared.build_network().eval()
    before = {n: v.clone() for n, v in network.state_dict().items()}
    rows = prepared.rows(prepared.split.train)
    tuned = [finetune(network, rows.y, rows, config, 2) for _ in range(2)]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    first, second = (t.state_dict() for t in tuned)
    assert all(torch.equal(first[n], second[n]) for n in first)
    assert any(not torch.equal(first[n], before[n]) for n in first)
    assert not tuned[0].training
