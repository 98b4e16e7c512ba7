"""Pictures: Grad-CAM in closed form, patches in words."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from explainers.model import FEATURE_MAP
from trainer.config import ImageModel, parse_config
from trainer.data.encoding import measure_moments
from trainer.errors import ConfigError
from trainer.families.image import ImageNetwork
from trainer.prepare import prepare


@pytest.mark.parametrize("name", ["cnn", "own"])
def test_logits_are_linear_in_the_mean_of_the_map(case_of, name):
    model = case_of(name).model
    (inputs,) = case_of(name).rows
    assert FEATURE_MAP in model.provides
    features = model.feature_map(inputs)
    linear = features.mean((2, 3)) @ model.head.T
    constant = model.predict(inputs).logits - linear
    assert np.ptp(constant, axis=0).max() < 1e-4
    np.testing.assert_allclose(model.head.sum(0), 0, atol=1e-5)


@pytest.mark.parametrize(("name", "layer"), [("cnn", "body"), ("own", "second")])
def test_grad_cam_s_closed_form_is_captum_s(case_of, name, layer):
    case = case_of(name)
    (inputs,) = case.rows
    target = np.arange(64) % 3
    features = case.model.feature_map(inputs)
    positions = features.shape[2] * features.shape[3]
    weights = case.model.head[target] / positions
    closed = np.maximum(np.einsum("nk,nkhw->nhw", weights, features), 0)
    network = case.trained.network
    if name == "own":  # below centring and temperature; its map is silu(second)
        x = torch.from_numpy(inputs)
        inner = network
        while not hasattr(inner, "feature_map"):
            inner = inner.network
        activation = inner.feature_map(x).detach().requires_grad_(True)
        logits = inner.head(activation.mean((2, 3)))
        logits = logits - logits.mean(1, keepdim=True)
        chosen = logits[torch.arange(64), torch.from_numpy(target)].sum()
        (gradient,) = torch.autograd.grad(chosen, [activation])
        cam = torch.relu((gradient.mean((2, 3), keepdim=True) * activation).sum(1))
        oracle = cam.detach().numpy() * _temperature_scale(network)
    else:
        cam = LayerGradCam(network, getattr(network, layer)).attribute(
            torch.from_numpy(inputs),
            torch.from_numpy(target),
            relu_attributions=True,
        )
        oracle = cam.detach().numpy()[:, 0]
    assert np.abs(closed - oracle).max() <= 1e-5 * np.abs(oracle).max()


def _temperature_scale(network):
    return 1 / float(getattr(network, "temperature", 1.0))


def test_scaling_the_head_scales_the_logits():
    moments = measure_moments(np.random.default_rng(0).normal(size=(50, 1)))
    torch.manual_seed(0)
    network = ImageNetwork(ImageModel(channels=(3, 4)), moments, 8, 2)
    x = torch.rand(4, 1, 8, 8)
    before = network(x)
    network.scale_logits(0.25)
    assert torch.allclose(network(x), before / 4, atol=1e-6)


def test_a_map_of_four_by_four_is_left():
    moments = measure_moments(np.random.default_rng(0).normal(size=(50, 1)))
    for side, expected in ((8, 4), (28, 7), (16, 4)):
        network = ImageNetwork(ImageModel(channels=(2, 2, 2)), moments, side, 2)
        assert network.feature_map(torch.rand(1, 1, side, side)).shape[2] == expected


def test_patches_are_named_as_one_finds_them(case_of):
    model = case_of("cnn").model
    names = [column.name for column in model.manifest.tree_features]
    assert names[0] == "mean of rows 0-1, columns 0-1"
    assert names[-1] == "mean of rows 6-7, columns 6-7"
    assert model.manifest.tree_features[5].patch == (2, 2, 2, 2)
    assert model.manifest.input.shape == (1, 8, 8)


def test_a_grid_finer_than_the_pixels_is_refused():
    config = parse_config(
        {
            "name": "a",
            "data": {"named": "digits"},
            "model": {"family": "image"},
            "tree_features": {"grid": [9, 4]},
        }
    )
    with pytest.raises(ConfigError, match="the pictures have 8 x 8 pixels"):
        prepare(config)
