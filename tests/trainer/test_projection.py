"""Sign projection: the tree decides, the network ranks."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.distill import distill, route
from trainer.export.gate import accept_gradient, accept_graph
from trainer.export.gradients import export_gradient
from trainer.export.graphs import export_graph
from trainer.families.tabular import Centre
from trainer.projection import LEAD, Projected, TreeDecision, round_down
from trainer.thresholds import shorten_thresholds


@pytest.fixture(params=[2, 4], ids=["binary", "multi-class"])
def projected(request):
    classes = request.param
    torch.manual_seed(0)
    X = torch.rand(400, 3)
    layers = nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, classes), Centre()
    network = nn.Sequential(*layers).eval()
    with torch.no_grad():
        layers[2].bias -= network(X).mean(0)
        layers[2].weight *= 30
        p = torch.softmax(network(X), dim=1).numpy()
    tree = distill(X.numpy(), p, strength=0.0, min_samples_leaf=20)
    tree = shorten_thresholds(tree, X.numpy())
    return X, network, tree, Projected(network, nn.Identity(), tree, classes).eval()


def test_the_matrix_form_routes_as_the_tree_does(projected):
    X, _, tree, model = projected
    probes = X.numpy().copy()
    inner = np.flatnonzero(tree.feature >= 0)
    probes[inner, tree.feature[inner]] = tree.threshold[inner]  # at the thresholds
    answers = TreeDecision(tree, model(X).shape[1])(torch.from_numpy(probes))
    assert torch.equal(answers.sum(1), torch.ones(len(X)))
    np.testing.assert_array_equal(answers.argmax(1), tree.labels[route(tree, probes)])


def test_fidelity_is_one_however_sure_the_network_is(projected):
    X, network, tree, model = projected
    far = 1000 * (X - 0.5)
    for rows in (X, far):
        decided = model(rows).argmax(1).numpy()
        np.testing.assert_array_equal(decided, tree.labels[route(tree, rows.numpy())])
    assert not torch.equal(network(X).argmax(1), model(X).argmax(1))


def test_a_scale_moves_no_decision(projected):
    X, _, _, model = projected
    with torch.no_grad():
        before = model(X)
        model.scale_logits(0.25)
        torch.testing.assert_close(model(X), before / 4)


def test_binary_is_the_softplus_of_the_evidence(projected):
    X, network, tree, model = projected
    if model(X).shape[1] != 2:
        return
    with torch.no_grad():
        z = network(X).diff(dim=1).squeeze(1)
        s = torch.from_numpy(2.0 * tree.labels[route(tree, X.numpy())] - 1).float()
        expected = s * (torch.nn.functional.softplus(s * z) + LEAD)
        torch.testing.assert_close(model(X).diff(dim=1).squeeze(1), expected)


def test_the_gradient_is_that_of_the_projected_logits(projected):
    X, _, _, model = projected
    raw = export_gradient(model, X[:5], "input")
    accept_gradient(
        "gradient.onnx",
        raw,
        model,
        lambda n, random: random.random((n, 3), dtype=np.float32),
    )


def test_the_exported_graph_decides_as_the_tree(projected):
    X, _, tree, model = projected
    raw = export_graph(model, (X[:5],), ["input"], ["logits"], variadic=True)
    session = accept_graph(
        "predict.onnx",
        raw,
        model,
        lambda n, random: random.random((n, 3), dtype=np.float32),
    )
    decided = session.run({"input": X.numpy()})[0].argmax(1)
    np.testing.assert_array_equal(decided, tree.labels[route(tree, X.numpy())])


def test_thresholds_between_two_singles_are_compared_as_the_tree_does():
    thresholds = np.array([0.1, 0.3, 16.8, -0.7, 1e-40, 5.0])
    singles = round_down(thresholds)
    for threshold, single in zip(thresholds, singles, strict=True):
        near = np.float32(threshold)
        for value in (
            near,
            np.nextafter(near, np.float32(np.inf)),
            np.nextafter(near, np.float32(-np.inf)),
        ):
            assert (value <= single) == (float(value) <= threshold)
