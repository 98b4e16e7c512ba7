"""Class activation maps of trained networks: captum and autograd are the oracles."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from explainers.errors import UnsupportedMethodError
from explainers.methods.class_activation import class_activation
from explainers.registry import EXPLAINERS, find_method, parse_parameters
from trainer.families.feature_map import find_layer, find_map, unwrap

LAYERS = {"cnn": "body", "own": "feature_map", "flat": "last"}
METHODS = ["grad_cam", "hires_cam", "layer_cam"]


class Mapped(torch.nn.Module):
    """A network whose feature map is a function, seen as two layers."""

    def __init__(self, network):
        super().__init__()
        self.network, self.map = network, torch.nn.Identity()

    def forward(self, inputs):
        inner = unwrap(self.network)
        if not hasattr(inner, "feature_map"):
            return self.network(inputs)
        logits = inner.head(self.map(inner.feature_map(inputs)).mean((2, 3)))
        logits = logits - logits.mean(1, keepdim=True)
        return logits / getattr(self.network, "temperature", 1)


def explain(model, method, inputs, **values):
    parameters = parse_parameters(EXPLAINERS[method], values)
    prediction = model.predict(inputs)
    return find_method(model, method).explain(model, prediction, parameters)


def layer_of(name, network):
    return network.map if name == "own" else unwrap(network.network).get_submodule(
        LAYERS[name]
    )  # fmt: skip


def differentiate(name, case, inputs, target):
    """Feature map and d logit / d map, by autograd."""
    network, kept = Mapped(case.trained.network), []
    layer_of(name, network).register_forward_hook(lambda *call: kept.append(call[-1]))
    logits = network(torch.from_numpy(inputs).requires_grad_(True))
    (gradient,) = torch.autograd.grad(logits[:, target].sum(), kept)
    return kept[0].detach().numpy(), gradient.numpy()


def assert_maps(case, method, inputs, oracle):
    """Compare with [n, h, w] for each of three targets; not all may be zero."""
    largest = max(wanted.max() for wanted in oracle)
    assert largest > 0
    for target, wanted in enumerate(oracle):
        answers = explain(case.model, method, inputs, target=target)
        found = np.stack([answer.map for answer in answers])
        assert found.shape == wanted.shape == (len(inputs), 4, 4)
        assert np.abs(found - wanted).max() <= 1e-5 * largest


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_grad_cam_is_captum_s(case_of, name, batch):
    case = case_of(name)
    inputs = case.rows[0][:batch]
    network = Mapped(case.trained.network)
    captum = LayerGradCam(network, layer_of(name, network))
    oracle = [
        captum.attribute(torch.from_numpy(inputs), target, relu_attributions=True)
        for target in range(3)
    ]
    oracle = [answer.detach().numpy()[:, 0] for answer in oracle]
    assert_maps(case, "grad_cam", inputs, oracle)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_hires_and_layer_cam_are_autograd_written_out(case_of, name, batch):
    case = case_of(name)
    inputs = case.rows[0][:batch]
    parts = [differentiate(name, case, inputs, target) for target in range(3)]
    hires = [np.maximum((g * a).sum(1), 0) for a, g in parts]
    layer = [np.maximum((np.maximum(g, 0) * a).sum(1), 0) for a, g in parts]
    assert_maps(case, "hires_cam", inputs, hires)
    assert_maps(case, "layer_cam", inputs, layer)


@pytest.mark.parametrize("name", ["cnn", "own"])
def test_the_closed_form_is_the_weights_row_times_the_map(case_of, name):
    case = case_of(name)
    assert "gradcam" not in case.model.sessions
    (inputs,) = case.rows
    features = case.model.feature_map(inputs).astype(np.float64)
    weights = case.model.head[1] / np.float32(features[0, 0].size)
    oracle = np.maximum(np.einsum("k,nkhw->nhw", weights, features), 0)
    for method in ("grad_cam", "hires_cam"):
        answers = explain(case.model, method, inputs, target=1)
        found = np.stack([answer.map for answer in answers])
        np.testing.assert_allclose(found, oracle, rtol=1e-6, atol=1e-9)


def test_hires_cam_sums_to_the_logit_without_its_bias(case_of):
    """Before the ReLU, with a pooled linear head (Draelos and Carin 2020)."""
    case = case_of("cnn")
    (inputs,) = case.rows
    features, gradients = case.model.map_gradient(inputs, np.ones(64, np.int64))
    sums = (features * gradients).sum((1, 2, 3))
    bias = case.model.predict(inputs).logits[:, 1] - sums
    assert np.ptp(bias) < 1e-4 * np.abs(sums).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LAYERS)
def test_the_answer_says_what_it_is(case_of, name, method):
    case = case_of(name)
    inputs = case.rows[0][:5]
    labels = case.model.predict(inputs).labels
    for answer, label in zip(explain(case.model, method, inputs), labels, strict=True):
        assert answer.method == method
        assert answer.target == case.model.classes[label]
        assert answer.layer == ("feature_map" if name == "cnn" else LAYERS[name])
        assert answer.parameters == {"overlay": False}
        assert answer.overlay is None
        assert answer.degenerate == (not answer.map.any())
        if not answer.degenerate:
            assert answer.normalised.max() == 1
            scaled = answer.normalised * answer.map.max()
            np.testing.assert_allclose(scaled, answer.map, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LAYERS)
def test_inputs_that_say_nothing_give_no_nan(case_of, name, method):
    case = case_of(name)
    inputs = np.zeros((4, 1, 8, 8), np.float32)
    inputs[1], inputs[2] = 7, 16
    inputs[3, 0, :4] = 1e6  # saturated
    for target in range(3):
        for answer in explain(case.model, method, inputs, target=target):
            assert np.isfinite(answer.map).all()
            assert np.isfinite(answer.normalised).all()
            assert answer.normalised.min() >= 0
            assert answer.normalised.max() <= 1
            assert answer.degenerate == (np.ptp(answer.map) <= 1e-6 * answer.map.max())


def test_a_map_that_is_zero_is_degenerate(case_of):
    """Three classes and centred logits: some class has no evidence anywhere."""
    case = case_of("cnn")
    answers = [
        answer
        for target in range(3)
        for answer in explain(case.model, "grad_cam", case.rows[0], target=target)
    ]
    silent = [answer for answer in answers if not answer.map.any()]
    assert silent
    assert all(a.degenerate and not a.normalised.any() for a in silent)
    assert not all(answer.degenerate for answer in answers)


@pytest.mark.parametrize(
    ("varies", "degenerate"), [(0.0, True), (1e-7, True), (1e-3, False), (-3.0, False)]
)
def test_a_map_that_is_the_same_everywhere_is_degenerate(case_of, varies, degenerate):
    """It may be far from zero: what counts is that it points nowhere."""
    model, inputs = case_of("cnn").model, case_of("cnn").rows[0][:1]
    weighed = np.full((4, 4), 2.0)
    weighed[1, 2] += 2 * varies
    method = class_activation(
        "given", lambda features, gradients: weighed, summary="", source=""
    )
    parameters = parse_parameters(method, {})
    (answer,) = method.explain(model, model.predict(inputs), parameters)
    assert answer.degenerate == degenerate
    expected = np.maximum(weighed, 0)
    np.testing.assert_allclose(answer.map, expected, rtol=1e-6)
    np.testing.assert_allclose(answer.normalised, expected / expected.max(), rtol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_a_map_does_not_depend_on_its_batch(case_of, name):
    model, inputs = case_of(name).model, case_of(name).rows[0]
    for method in METHODS:
        whole = explain(model, method, inputs, overlay=True, target=0)
        for row in (0, 13, 63):
            at = inputs[row : row + 1]
            (single,) = explain(model, method, at, overlay=True, target=0)
            np.testing.assert_array_equal(single.map, whole[row].map)
            assert single.overlay == whole[row].overlay


def test_the_last_layer_with_a_map_is_found(case_of):
    case = case_of("flat")
    images = torch.from_numpy(case.rows[0][:3])
    assert find_layer(case.trained.network, images) == "last"
    assert find_map(case.trained.network, images) is None
    assert find_layer(torch.nn.Flatten(), images) is None


def test_a_head_that_is_not_all_is_no_closed_form(case_of):
    """It has `feature_map` and a linear `head`, but answers otherwise."""
    case = case_of("own")
    inner = unwrap(case.trained.network)
    images = torch.from_numpy(case.rows[0][:3])
    assert find_map(inner, images) is None  # its logits are not centred
    assert find_map(case.trained.network, images) is not None


@pytest.mark.parametrize("method", METHODS)
def test_who_cannot_answer_says_why(case_of, method):
    with pytest.raises(UnsupportedMethodError, match="upsample_bilinear2d_backward"):
        find_method(case_of("resized").model, method)
    with pytest.raises(UnsupportedMethodError, match="for image inputs, not sequence"):
        find_method(case_of("gru").model, method)
