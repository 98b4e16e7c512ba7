"""Points of a plane beside the network itself and closed forms."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.distill import distill, path_lengths, route
from trainer.fit import predict_probabilities
from trainer.landscape.directions import random_direction
from trainer.landscape.subject import Part
from trainer.landscape.surface import (
    QUANTITIES,
    answer,
    forward_all,
    measure_points,
)
from trainer.landscape.weights import Plane, weights_of


def random_plane(network):
    weights = weights_of(network)
    return Plane(weights, random_direction(weights, 1), random_direction(weights, 2))


def test_the_centre_is_the_model_itself(subject, cancer_trained):
    found = measure_points(subject, random_plane(subject.network), np.zeros((1, 2)))[0]
    figures = dict(zip(QUANTITIES, found, strict=True))
    metrics = cancer_trained.metrics
    assert figures["test_loss"] == pytest.approx(
        metrics.network["log_loss"].value, abs=1e-6
    )
    assert figures["test_accuracy"] == metrics.network["accuracy"].value
    assert figures["own_tree_fidelity"] == metrics.tree.fidelity.value


def test_the_tree_is_the_one_that_is_distilled_there(subject):
    point = np.array([[0.3, -0.2]])
    plane = random_plane(subject.network)
    found = dict(zip(QUANTITIES, measure_points(subject, plane, point)[0], strict=True))
    moved = {name: value[0] for name, value in plane.at(point).items()}
    network = subject.network
    train, test = (
        torch.softmax(torch.func.functional_call(network, moved, p.inputs), 1)
        for p in (subject.train, subject.test)
    )
    settings = subject.settings
    tree = distill(
        subject.train.Z,
        train.detach().numpy(),
        strength=settings.strength,
        min_samples_leaf=settings.min_samples_leaf,
        seed=settings.seed,
    )
    lengths = path_lengths(tree)[route(tree, subject.train.Z)]
    agreed = tree.labels[route(tree, subject.test.Z)] == test.detach().numpy().argmax(1)
    assert found["average_path_length"] == pytest.approx(lengths.mean())
    assert found["fidelity"] == pytest.approx(agreed.mean())


def test_without_a_tree_its_columns_are_empty(subject):
    found = measure_points(
        subject, random_plane(subject.network), np.zeros((2, 2)), tree=False
    )
    at = [QUANTITIES.index(name) for name in ("fidelity", "average_path_length")]
    assert np.isnan(found[:, at]).all()
    assert not np.isnan(np.delete(found, at, axis=1)).any()


def test_a_quadratic_model_has_its_analytic_surface():
    """Logits (0, -log(exp(q) - 1)) make the loss of class 1 the quadratic q itself."""
    random = np.random.default_rng(0)
    root = random.normal(size=(5, 5))
    A, b, w, u, v = root @ root.T, *random.normal(size=(4, 5))

    class Quadratic(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.from_numpy(w))

        def forward(self, x):
            centred = self.w - torch.from_numpy(b)
            q = 0.5 + centred @ torch.from_numpy(A) @ centred / 2
            return torch.stack([0 * q, -torch.log(torch.expm1(q))]).expand(len(x), 2)

    network, x = Quadratic(), torch.zeros(1, 1)
    plane = Plane(weights_of(network), *({"w": torch.from_numpy(d)} for d in (u, v)))
    points = random.uniform(-1, 1, size=(40, 2))
    found = answer(network, plane, points, Part((x,), x.numpy(), np.array([1])))
    moved = w + points @ np.stack([u, v]) - b
    expected = 0.5 + np.einsum("ki,ij,kj->k", moved, A, moved) / 2
    np.testing.assert_allclose(found.loss, expected, rtol=1e-9)


def test_a_single_weight_has_its_analytic_surface():
    """Logits (0, w x): the loss is log(1 + exp(-w x)) for class 1, whatever x."""

    class OneWeight(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([[0.5, 0.0]], dtype=torch.float64))

        def forward(self, x):
            score = (x @ self.w.T).squeeze(1)
            return torch.stack([0 * score, score], dim=1)

    network = OneWeight()
    x = torch.tensor([[2.0, 1.0]], dtype=torch.float64)
    part = Part((x,), x.numpy(), np.array([1]))
    along = {"w": torch.tensor([[1.0, 0.0]]).double()}
    across = {"w": torch.tensor([[0.0, 1.0]]).double()}
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [-2.0, 0.5]])
    found = answer(network, Plane(weights_of(network), along, across), points, part)
    score = 2 * (0.5 + points[:, 0]) + points[:, 1]
    np.testing.assert_allclose(found.loss, np.log1p(np.exp(-score)), atol=1e-12)
    assert found.accuracy.tolist() == (score > 0).astype(float).tolist()


def test_many_points_at_once_are_many_points_one_by_one():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.head = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.gru(x)[0][:, -1])

    torch.manual_seed(0)
    convolution = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    points = np.random.default_rng(0).normal(size=(5, 2))
    for network, x in (
        (Recurrent(), torch.randn(6, 7, 2)),
        (convolution, torch.randn(6, 1, 8, 8)),
    ):
        stacked = random_plane(network).at(points)
        together = forward_all(network, stacked, (x,))
        for i in range(len(points)):
            alone = {name: value[i] for name, value in stacked.items()}
            expected = torch.func.functional_call(network, alone, (x,))
            torch.testing.assert_close(together[i], expected, rtol=1e-4, atol=1e-5)


def test_probabilities_are_the_network_s(subject):
    found = answer(
        subject.network, random_plane(subject.network), np.zeros((1, 2)), subject.test
    )
    expected = predict_probabilities(subject.network, subject.test.Z)
    np.testing.assert_allclose(found.probabilities[0], expected, atol=1e-6)
