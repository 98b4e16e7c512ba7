"""Bundles: what was trained is what is served, and the same twice."""

import dataclasses
import hashlib
import os
import re
import subprocess
import sys

import msgspec
import numpy as np
import pytest
import torch
from captum.attr import Saliency

from explainers.instances import encode_instances
from explainers.loading import open_model
from explainers.tree import DistilledTree
from trainer.errors import TrainingError, TrainingWarning
from trainer.export import write
from trainer.export.write import write_model
from trainer.fit import predict_probabilities


def test_a_mixed_table_is_served_as_it_was_trained(mixed_trained, mixed_model):
    prepared = mixed_trained.prepared
    prediction = mixed_model.predict(prepared.table.X)
    np.testing.assert_array_equal(prediction.tree_features, prepared.Z)
    expected = predict_probabilities(mixed_trained.network, prepared.Z)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(
        prediction.tree_labels, mixed_trained.tree.decide(prepared.Z)
    )
    np.testing.assert_allclose(prediction.logits.sum(1), 0, atol=1e-4)


def test_a_client_s_values_mean_what_they_meant_in_training(
    mixed_frame, mixed_trained, mixed_model
):
    rows = mixed_frame.drop(columns="region").astype(object)
    instances = [
        {k: None if v != v or v is None else v for k, v in row.items()}
        for row in rows.to_dict("records")
    ]
    found = encode_instances(mixed_model.manifest.input, instances)
    np.testing.assert_array_equal(found, mixed_trained.prepared.table.X)


def test_the_manifest_says_what_may_be_sent(mixed_model):
    features = {f.name: f for f in mixed_model.manifest.input.features}
    assert features["alcohol"].unit == "% vol"
    assert features["alcohol"].missing == "refuse"
    assert features["flavanoids"].missing == "impute"
    assert features["colour"].categories == ("dark", "pale", "ruby")
    names = [column.name for column in mixed_model.manifest.tree_features]
    assert "colour = dark" in names
    assert "flavanoids is missing" in names
    assert mixed_model.manifest.provenance.configuration["data"]["path"] == "wines.csv"


def test_the_manifest_says_what_becomes_of_inputs_beyond_training(
    mixed_model, cancer_model
):
    assert mixed_model.manifest.input.beyond_training == "warn"
    assert cancer_model.manifest.input.beyond_training == "refuse"


@pytest.mark.parametrize("which", ["mixed", "cancer"])
def test_gradient_graph_equals_captum(which, request):
    trained = request.getfixturevalue(f"{which}_trained")
    model = request.getfixturevalue(f"{which}_model")
    Z = trained.prepared.Z[:50]
    target = np.arange(50) % 2
    logits, gradient = model.gradient(Z, target)
    inputs = torch.from_numpy(Z.copy()).requires_grad_(True)
    oracle = Saliency(trained.network).attribute(
        inputs, torch.from_numpy(target), abs=False
    )
    assert np.abs(gradient - oracle.numpy()).max() <= 1e-5 * float(oracle.abs().max())


def test_numbers_alone_need_no_encoder(cancer_model, mixed_model):
    assert "tree_features" not in cancer_model.sessions
    assert cancer_model.sessions["gradient"].inputs == ("input", "target")
    assert mixed_model.sessions["gradient"].inputs == ("tree_features", "target")


@pytest.mark.parametrize("which", ["mixed", "cancer"])
def test_golden_rows_notice_a_threshold_moved_past_the_next_value(which, request):
    """They stand on both sides of every threshold, as near as the held-out rows do."""
    trained = request.getfixturevalue(f"{which}_trained")
    tree, held_out = trained.tree, trained.prepared.split.held_out
    Z = trained.prepared.Z[write._golden_rows(trained)]
    assert set(tree.apply(Z)) == {leaf.id for leaf in tree.leaves}
    unseen = trained.prepared.Z[held_out]
    paths = [tree.path_to(leaf) for leaf in tree.apply(unseen)]
    for node in tree.nodes:
        here = [row[node.feature] for row, path in zip(unseen, paths, strict=True)
                if node.id in path and not node.is_leaf]  # fmt: skip
        above = min((v for v in here if v > node.threshold), default=None)
        below = max((v for v in here if v <= node.threshold), default=None)
        moved = [above, None if below is None else np.nextafter(below, -np.inf)]
        for threshold in (float(t) for t in moved if t is not None):
            changed = msgspec.structs.replace(node, threshold=threshold)
            nodes = (*tree.nodes[: node.id], changed, *tree.nodes[node.id + 1 :])
            other = DistilledTree(nodes, tree.n_features, tree.n_classes)
            assert not np.array_equal(other.apply(Z), tree.apply(Z))


def test_golden_rows_are_unseen_and_of_every_class(cancer_trained, cancer_bundle):
    prepared = cancer_trained.prepared
    golden = np.load(cancer_bundle / "golden" / "inputs.npy")
    held_out = prepared.split.held_out
    where = [np.flatnonzero((row == prepared.table.X).all(1))[0] for row in golden]
    assert len(golden) >= 16
    assert set(where) <= set(held_out)
    assert set(prepared.table.y[where]) == {0, 1}
    background = np.load(cancer_bundle / "reference" / "background.npy")
    assert background.shape == (100, 30)
    assert background.dtype == np.float32


def test_the_tree_s_counts_are_those_of_the_training_rows(cancer_trained, cancer_model):
    split, table = cancer_trained.prepared.split, cancer_trained.prepared.table
    prediction = cancer_model.predict(table.X[split.train])
    for leaf in cancer_model.tree.leaves:
        here = prediction.leaves == leaf.id
        assert leaf.n == here.sum()
        decided = np.bincount(prediction.labels[here], minlength=2)
        assert leaf.class_counts == tuple(decided)
        true = np.bincount(table.y[split.train][here], minlength=2)
        assert leaf.label_counts == tuple(true)
    held_out = cancer_model.predict(table.X[split.held_out])
    agreement = (held_out.labels == held_out.tree_labels).mean()
    root = cancer_model.tree.nodes[0]
    assert root.fidelity.n == len(split.held_out)
    assert root.fidelity.value == pytest.approx(agreement, abs=0.01)


def test_two_runs_write_the_same_bundle(cancer_config, cancer_bundle, tmp_path):
    """The second run is another process with another hash seed."""
    code = (
        "import sys, msgspec, torch; from pathlib import Path;"
        "from trainer.config import parse_config; from trainer.pipeline import train;"
        "from trainer.export.write import write_model; torch.set_num_threads(1);"
        "config = parse_config(msgspec.json.decode(sys.argv[1]));"
        "write_model(train(config), Path(sys.argv[2]))"
    )
    text = msgspec.json.encode(msgspec.to_builtins(cancer_config)).decode()
    again = tmp_path / "again"
    subprocess.run(
        [sys.executable, "-c", code, text, str(again)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        timeout=120,
    )
    first, second = (
        hashlib.sha256((d / "manifest.json").read_bytes()).hexdigest()
        for d in (cancer_bundle, again)
    )
    assert first == second


def test_no_path_of_this_machine_is_in_the_bundle(mixed_bundle, mixed_csv):
    for path in mixed_bundle.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(mixed_csv.parent).encode() not in content
            assert not re.search(rb"site-packages|\.py\b", content)


def test_a_network_without_a_gradient_is_written_with_the_reason(
    cancer_trained, tmp_path, monkeypatch
):
    class Rounded(torch.nn.Module):
        """Has no gradient but zero: its logits are steps."""

        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return torch.round(self.network(x) * 8) / 8

    stepped = dataclasses.replace(
        cancer_trained, network=Rounded(cancer_trained.network).eval()
    )
    with pytest.warns(TrainingWarning, match="the bundle has no gradient"):
        write_model(stepped, tmp_path / "stepped")
    model = open_model(tmp_path / "stepped")
    assert "gradient" not in model.sessions
    assert "zero on every input" in model.manifest.unavailable["gradient"]
    assert "no graph 'gradient' (gradient.onnx" in model.why_missing("gradient")


def test_a_directory_that_is_no_bundle_is_not_replaced(cancer_trained, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter.txt").write_text("keep me")
    with pytest.raises(TrainingError, match="exists and is not a bundle"):
        write_model(cancer_trained, precious)
    assert (precious / "letter.txt").read_text() == "keep me"
    write.check_target(tmp_path / "absent" / "bundle")
    assert (tmp_path / "absent").is_dir()
    with pytest.raises(TrainingError, match="Not a directory|File exists"):
        write.check_target(precious / "letter.txt" / "bundle")
