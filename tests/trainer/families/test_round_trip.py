"""Every family: what was trained is what is served, and torch is the oracle."""

from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import Saliency

from explainers.loading import open_model
from explainers.reading import read_instances, write_instance
from explainers.registry import available
from trainer.reopen import reopen
from trainer.rows import predict_rows

HERE = Path(__file__).parent
EXPORTED = ["gru", "lstm", "cnn", "own"]
PROJECTED = ["gru, tree decides", "cnn, tree decides"]
SEQUENCES = ["gru", "lstm"]


def tensors(arrays):
    return tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)


@pytest.mark.parametrize("name", [*EXPORTED, "resized"])
def test_it_learns_and_serves_what_it_learned(case_of, name):
    case = case_of(name)
    prepared = case.trained.prepared
    metrics = case.trained.metrics
    assert metrics.network["auc"].value > 0.8
    assert metrics.tree.fidelity.value > metrics.constant_class["fidelity"].value
    rows = np.arange(len(prepared.table))
    served = case.model.predict(*prepared.family.inputs(rows))
    expected = predict_rows(case.trained.network, prepared.all_rows)
    np.testing.assert_allclose(served.probabilities, expected, atol=2e-5)
    np.testing.assert_allclose(served.tree_features, prepared.Z, rtol=1e-5, atol=1e-5)
    agree = served.tree_labels == case.trained.tree.decide(prepared.Z)
    assert agree.mean() > 0.995  # a value may lie a rounding error from a threshold
    np.testing.assert_allclose(served.logits.sum(1), 0, atol=1e-4)


@pytest.mark.parametrize("name", PROJECTED)
def test_the_tree_decides_what_is_served(case_of, name):
    case = case_of(name)
    rows = np.arange(len(case.trained.prepared.table))
    served = case.model.predict(*case.trained.prepared.family.inputs(rows))
    np.testing.assert_array_equal(served.labels, served.tree_labels)
    assert case.trained.metrics.tree.fidelity.value == 1
    assert case.trained.metrics.network["auc"].value > 0.8
    reopened = reopen(case.bundle, HERE).trained.network
    expected = predict_rows(reopened, case.trained.prepared.all_rows)
    np.testing.assert_allclose(served.probabilities, expected, atol=2e-5)


@pytest.mark.parametrize("name", [*EXPORTED, *PROJECTED])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_gradient_equals_captum_and_autograd(case_of, name, batch):
    case = case_of(name)
    inputs, *lengths = (array[:batch] for array in case.rows)
    target = np.arange(batch) % len(case.model.classes)
    logits, gradient = case.model.gradient(inputs, target, *lengths)
    x, *rest = tensors((inputs, *lengths))
    oracle = (
        Saliency(case.trained.network)
        .attribute(
            x.requires_grad_(True),
            torch.from_numpy(target),
            abs=False,
            additional_forward_args=tuple(rest) or None,
        )
        .numpy()
    )
    assert np.abs(gradient - oracle).max() <= 1e-5 * np.abs(oracle).max()
    answers = case.trained.network(x, *rest)
    chosen = answers[torch.arange(batch), torch.from_numpy(target)].sum()
    (autograd,) = torch.autograd.grad(chosen, [x])
    error = np.linalg.norm(gradient - autograd.numpy())
    assert error <= 1e-5 * float(autograd.norm())
    np.testing.assert_allclose(logits, answers.detach().numpy(), atol=2e-5)


@pytest.mark.parametrize("name", SEQUENCES)
def test_padding_and_batch_change_no_bit(case_of, name):
    """Garbage after a row's last step, more of it, other rows beside it: no matter."""
    model = case_of(name).model
    inputs, lengths = case_of(name).rows
    random = np.random.default_rng(0)
    whole = model.predict(inputs, lengths)
    target = whole.labels
    _, gradients = model.gradient(inputs, target, lengths)
    padded = random.normal(0, 100, (len(inputs), 23, 3)).astype(np.float32)
    for row, length in enumerate(lengths):
        padded[row, :length] = inputs[row, :length]
    other = model.predict(padded, lengths)
    np.testing.assert_array_equal(other.logits, whole.logits)
    np.testing.assert_array_equal(other.tree_features, whole.tree_features)
    _, of_padded = model.gradient(padded, target, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = inputs[row : row + 1, :length]
        at = slice(row, row + 1)
        single = model.predict(alone, lengths[at])
        np.testing.assert_array_equal(single.logits[0], whole.logits[row])
        np.testing.assert_array_equal(single.tree_features[0], whole.tree_features[row])
        _, gradient = model.gradient(alone, target[at], lengths[at])
        np.testing.assert_array_equal(gradient[0], gradients[row, :length])
        np.testing.assert_array_equal(of_padded[row, :length], gradient[0])
        assert not gradients[row, length:].any()
        assert not of_padded[row, length:].any()


@pytest.mark.parametrize("name", ["cnn", "own"])
def test_pictures_do_not_depend_on_their_batch(case_of, name):
    model = case_of(name).model
    (inputs,) = case_of(name).rows
    whole = model.predict(inputs)
    for row in (0, 1, 31, 63):
        single = model.predict(inputs[row : row + 1])
        np.testing.assert_array_equal(single.logits[0], whole.logits[row])
        np.testing.assert_array_equal(single.tree_features[0], whole.tree_features[row])


@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_a_client_s_words_mean_what_they_meant_in_training(case_of, name):
    case = case_of(name)
    schema = case.model.manifest.input
    inputs, *lengths = case.rows
    counts = lengths[0] if lengths else np.ones(len(inputs), dtype=int)
    words = [
        write_instance(schema, row, int(n))
        for row, n in zip(inputs, counts, strict=True)
    ]
    found, found_lengths = read_instances(case.model.manifest, words)
    np.testing.assert_array_equal(found, inputs[:, : found.shape[1]])
    if lengths:
        np.testing.assert_array_equal(found_lengths, lengths[0])


@pytest.mark.parametrize("name", [*EXPORTED, "resized"])
def test_every_available_method_answers(case_of, name):
    case = case_of(name)
    inputs, *lengths = (array[:3] for array in case.rows)
    prediction = case.model.predict(inputs, *lengths)
    methods = available(case.model)
    assert "tree_path" in methods
    assert ("gradient" in methods) == (name != "resized")
    for method in methods.values():
        answers = method.explain(case.model, prediction, method.parameters())
        assert len(answers) == 3


def test_a_bundle_that_was_written_can_be_opened_again(case_of):
    for name in ("gru", "cnn"):
        case = case_of(name)
        assert open_model(case.bundle).digest == case.model.digest
