"""The command on a trained bundle: what it writes, and what it finds."""

import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from explainers.bundle import read_bundle
from explainers.loading import open_model
from leafpath import main
from trainer.evaluate.randomise import layers_of, randomised, run_by_torch, stages


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", "--quiet", *map(str, arguments)])


@pytest.fixture(scope="module")
def evaluated(cancer_bundle, tmp_path_factory):
    """A bundle and the document of its next version."""
    bundle = tmp_path_factory.mktemp("evaluated") / "tumours"
    shutil.copytree(cancer_bundle, bundle)
    done = run(bundle, "--rows", 12)
    assert done.exit_code == 0, done.output
    return bundle, json.loads(open_model(bundle).files["evaluation.json"])


def test_the_bundle_becomes_a_new_version_with_document_and_section(evaluated):
    bundle, document = evaluated
    assert read_bundle(bundle).manifest.version == "2"
    assert (document["version"], document["rows"]) == ("1", 12)
    report = open_model(bundle).files["report.html"].decode()
    assert report.count("How good the explanations are") == 1
    assert "integrated_gradients" in report


def test_methods_beat_the_random_order(evaluated):
    _, document = evaluated
    control = document["methods"]["random"]
    for name in ("gradient", "integrated_gradients", "smoothgrad", "occlusion", "lime"):
        method = document["methods"][name]
        assert method["deletion"]["value"] < control["deletion"]["value"] - 0.1, name
        assert method["insertion"]["value"] > control["insertion"]["value"] + 0.05, name
        assert method["infidelity"]["value"] < 0.5, name
        assert method["max_sensitivity"]["value"] < 0.5, name


def test_randomised_weights_change_every_explanation(evaluated):
    _, document = evaluated
    assert len(document["layers"]) == 2  # a hidden layer and the output
    for name, method in document["methods"].items():
        if name != "random":
            assert len(method["randomised"]) == 2
            assert abs(method["randomised"][-1]) < 0.8, name


def test_the_same_seed_writes_the_same_document_and_replaces_the_section(evaluated):
    bundle, document = evaluated
    done = run(bundle, "--rows", 12)
    assert done.exit_code == 0, done.output
    again = open_model(bundle)
    assert json.loads(again.files["evaluation.json"]) == document | {"version": "2"}
    assert again.files["report.html"].count(b"How good the explanations are") == 1


def test_one_method_alone_can_be_asked_for(evaluated, tmp_path):
    bundle, _ = evaluated
    out = tmp_path / "other"
    done = run(bundle, "--rows", 2, "--method", "occlusion", "--out", out)
    assert done.exit_code == 0, done.output
    found = json.loads(open_model(out).files["evaluation.json"])
    assert list(found["methods"]) == ["random", "occlusion"]


def test_what_is_wrong_is_one_line(evaluated, tmp_path):
    bundle, _ = evaluated
    done = run(bundle, "--method", "tree_shap")
    assert done.exit_code == 1
    assert "'tree_shap' cannot be evaluated here; possible: gradient" in done.output
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "is not a bundle (it has no manifest.json)" in done.output


def test_a_cascade_shuffles_from_the_output_on_and_spares_the_network(
    cancer_model, cancer_trained
):
    network = cancer_trained.network
    before = [p.detach().clone() for p in network.parameters()]
    rows = cancer_trained.prepared.Z[:20]
    family = cancer_trained.prepared.family
    first, whole = randomised(cancer_model, family, network, seed=0)
    assert stages(network) == [1, 2]
    for kept, parameter in zip(before, network.parameters(), strict=True):
        assert torch.equal(kept, parameter)
    answers = [m.predict(rows).logits for m in (cancer_model, first, whole)]
    assert not np.allclose(answers[0], answers[1])
    assert not np.allclose(answers[1], answers[2])
    output, hidden = layers_of(network)
    assert output[0].shape[0] == 2
    assert hidden[0].shape[1] == 30


def test_torch_answers_as_the_graphs_do(cancer_model, cancer_trained):
    family, network = cancer_trained.prepared.family, cancer_trained.network
    same = run_by_torch(cancer_model, family, network)
    rows = cancer_trained.prepared.Z[:20]
    ours, expected = same.predict(rows), cancer_model.predict(rows)
    np.testing.assert_allclose(ours.logits, expected.logits, atol=1e-4)
    ones = np.ones(20, dtype=np.int64)
    np.testing.assert_allclose(
        same.gradient(rows, ones)[1], cancer_model.gradient(rows, ones)[1], atol=1e-5
    )
