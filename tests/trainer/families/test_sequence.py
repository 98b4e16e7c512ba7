"""Sequences: one network that answers every step, and says what it sees in words."""

import numpy as np
import pytest
import torch

from trainer.config import parse_config
from trainer.errors import ConfigError, DataError
from trainer.families.sequence import Steps
from trainer.pipeline import train
from trainer.prepare import prepare


def test_every_step_is_the_answer_to_the_sequence_so_far(case_of):
    case = case_of("lstm")
    family, network = case.trained.prepared.family, case.trained.network
    rows = np.arange(40)
    inputs, lengths = map(torch.from_numpy, family.inputs(rows))
    with torch.no_grad():
        so_far = network(inputs, lengths)
        every = network.every_step(torch.from_numpy(family.table.X))
    at = every[family.table.sequence[rows], family.table.steps[rows] - 1]
    assert torch.allclose(so_far, at, atol=1e-6)


def test_a_network_without_every_step_answers_row_by_row_alike(case_of):
    case = case_of("lstm")
    examples = case.trained.prepared.all_rows.read
    assert isinstance(examples, Steps)

    class Hidden(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, inputs, lengths):
            return self.network(inputs, lengths)

    items = torch.tensor([4, 0, 9])
    with torch.no_grad():
        fast, rows = examples.logits(case.trained.network, items)
        slow, same = examples.logits(Hidden(case.trained.network), items)
    assert torch.equal(rows, same)
    assert torch.allclose(fast, slow, atol=1e-6)


def test_steps_of_one_sequence_stay_on_one_side(case_of):
    prepared = case_of("lstm").trained.prepared
    split = prepared.split
    parts = (split.train, split.validation, split.test)
    sides = [set(prepared.table.sequence[part]) for part in parts]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_the_path_reads_as_a_sentence(case_of):
    model = case_of("gru").model
    assert model.manifest.input.shape == (12, 3)
    assert model.manifest.input.features[0].unit == "mg/dl"
    root = model.tree.nodes[0]
    column = model.manifest.tree_features[root.feature]
    assert column.name == "a, mean of last 3 steps"
    assert column.window == 3
    assert column.source == 0
    assert column.unit == "mg/dl"
    first = model.path_masks[model.tree.leaves[0].id]
    assert first.shape == (1, 3)
    assert first[0, 0]


def test_training_statistics_do_not_see_held_out_steps(case_of):
    family = case_of("gru").trained.prepared.family
    seen = np.concatenate(
        [
            family.table.X[s, : family.table.lengths[s]]
            for s in np.unique(family.table.sequence[family.split.train])
        ]
    )
    np.testing.assert_allclose(family.channels.mean, seen.mean(0), atol=1e-6)
    np.testing.assert_allclose(family.channels.spread, seen.std(0), atol=1e-6)


def test_lags_let_a_tree_see_the_hidden_state():
    """Evidence: a CART on the present step reaches AUC .928, the Bayes filter .96."""
    from sklearn.metrics import roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

    config = parse_config(
        {
            "name": "hmm",
            "data": {"named": "signal_and_noise"},
            "model": {"family": "sequence"},
        }
    )
    prepared = prepare(config)
    split, y = prepared.split, prepared.table.y
    assert split.rows == {"train": 5000, "validation": 2500, "test": 7500}

    def auc(columns):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=24, min_samples_leaf=25, random_state=0
        )
        tree.fit(prepared.Z[split.train][:, columns], y[split.train])
        chances = tree.predict_proba(prepared.Z[split.test][:, columns])[:, 1]
        return roc_auc_score(y[split.test], chances)

    present, everything = auc(slice(0, 14)), auc(slice(None))
    assert 0.91 < present < 0.94
    assert everything > present + 0.01
    assert everything > 0.945


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": {}}, DataError, 'set [model] family = "sequence"'),
        ({"model": {"family": "image"}}, DataError, "is for family 'sequence'"),
        (
            {"data": {"named": "signal_and_noise", "most_steps": 9}},
            ConfigError,
            "the longest sequence has 50 steps",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, error, message):
    raw = {
        "name": "a",
        "data": {"named": "signal_and_noise"},
        "model": {"family": "sequence"},
    }
    with pytest.raises(error) as caught:
        train(parse_config(raw | change))
    assert message in str(caught.value)
