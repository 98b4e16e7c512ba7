"""Filter norms, and the principal components beside scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from trainer.errors import LandscapeError
from trainer.landscape.directions import (
    filter_norms,
    principal_directions,
    random_direction,
)
from trainer.landscape.weights import flatten, unflatten, weights_of


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return weights_of(
        nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(54, 4)
        )
    )


def test_every_filter_has_the_network_s_norm(weights):
    direction = random_direction(weights, seed=1)
    for name in ("0.weight", "3.weight"):
        ours = direction[name].reshape(len(direction[name]), -1).double().norm(dim=1)
        theirs = weights[name].reshape(len(weights[name]), -1).double().norm(dim=1)
        assert torch.allclose(ours, theirs, rtol=1e-6, atol=0)


def test_biases_and_normalisation_layers_stay(weights):
    direction = random_direction(weights, seed=1)
    for name in ("0.bias", "1.weight", "1.bias", "3.bias"):
        assert not direction[name].any()


def test_the_seed_decides(weights):
    first, again, other = (flatten(random_direction(weights, s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_filter_of_zeros_gets_no_direction():
    direction = random_direction({"w": torch.zeros(2, 5)}, seed=0)
    assert not direction["w"].any()


def test_norms_keep_their_place():
    norms = filter_norms(torch.ones(2, 3, 4, 4))
    assert norms.shape == (2, 1, 1, 1)
    assert float(norms[0]) == pytest.approx(48**0.5)


@pytest.mark.parametrize("n", [3, 12])
def test_components_are_those_of_scikit_learn(weights, n):
    random = np.random.default_rng(0)
    size = len(flatten(weights))
    walk = np.cumsum(random.normal(size=(n, size)), axis=0)
    checkpoints = [unflatten(torch.from_numpy(row), weights) for row in walk]
    ours = principal_directions(checkpoints, range(n))
    theirs = PCA(svd_solver="full").fit(walk - walk[-1])
    for i, direction in enumerate((ours.first, ours.second)):
        vector = flatten(direction).numpy()
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-9)
        assert abs(vector @ theirs.components_[i]) == pytest.approx(1, abs=1e-9)
        assert vector[np.abs(vector).argmax()] > 0
    ratio = theirs.explained_variance_ratio_[: n - 1]
    np.testing.assert_allclose(ours.explained, ratio, atol=1e-9)
    projected = (walk - walk[-1]) @ flatten(ours.first).numpy()
    np.testing.assert_allclose(ours.coordinates[:, 0], projected, atol=1e-6)
    assert ours.coordinates[-1].tolist() == [0, 0]


def test_two_checkpoints_or_a_straight_line_span_no_plane(weights):
    with pytest.raises(LandscapeError, match="2 checkpoints span no plane"):
        principal_directions([weights, weights], [0, 1])
    line = [{k: v * t for k, v in weights.items()} for t in (1.0, 2.0, 3.0)]
    with pytest.raises(LandscapeError, match="lie on a line"):
        principal_directions(line, [0, 1, 2])
