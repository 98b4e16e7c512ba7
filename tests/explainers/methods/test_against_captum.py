"""Gradient methods on trained networks against captum, for batches of 1, 7 and 64."""

import itertools

import numpy as np
import pytest
import torch
from captum.attr import (
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    Saliency,
)

from explainers.loading import open_model
from explainers.methods.smoothgrad import Noise
from explainers.model import Model
from explainers.registry import EXPLAINERS, available, parse_parameters
from tests.explainers.answers import all_finite, as_bytes
from trainer.config import parse_config
from trainer.export.write import write_model
from trainer.pipeline import train


@pytest.fixture(scope="module", params=["breast_cancer", "wine"])
def served(request, tmp_path_factory) -> tuple[Model, torch.nn.Module]:
    """A model as served, binary and multi-class, and the network it came from."""
    raw = {"name": "m", "data": {"named": request.param}, "train": {"epochs": 12}}
    trained = train(parse_config(raw), controls=False)
    directory = tmp_path_factory.mktemp("captum") / "m"
    write_model(trained, directory)
    return open_model(directory), trained.network.eval()


def _rows(model: Model, n: int) -> np.ndarray:
    rows = np.resize(model.background, (n, model.background.shape[1]))
    noise = np.random.default_rng(0).normal(size=rows.shape).astype(np.float32)
    return rows + 0.3 * model.spread * noise


def _explain(model: Model, name: str, rows: np.ndarray, **values):
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, values)
    results = method.explain(model, model.predict(rows), parameters)
    return np.stack([result.attributions for result in results]), parameters


def _assert_close(ours: np.ndarray, captum: torch.Tensor) -> None:
    expected = captum.detach().numpy()
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(ours, expected, atol=1e-5 * scale, rtol=0)


@pytest.mark.parametrize("n", [1, 7, 64])
@pytest.mark.parametrize("target", [0, 1])
def test_gradients_equal_captums(served, n, target):
    model, network = served
    rows = _rows(model, n)
    x = torch.from_numpy(rows).requires_grad_()
    _assert_close(
        _explain(model, "gradient", rows, target=target)[0],
        Saliency(network).attribute(x, target=target, abs=False),
    )
    _assert_close(
        _explain(model, "input_x_gradient", rows, target=target)[0],
        InputXGradient(network).attribute(x, target=target),
    )


@pytest.mark.parametrize("n", [1, 7, 64])
@pytest.mark.parametrize("baseline", ["training_mean", "zero"])
def test_integrated_gradients_equal_captums(served, n, baseline):
    model, network = served
    rows = _rows(model, n)
    start = model.mean if baseline == "training_mean" else np.zeros_like(model.mean)
    ours, _ = _explain(
        model, "integrated_gradients", rows, target=1, baseline=baseline,
        steps=50, max_steps=50,
    )  # fmt: skip
    captum = IntegratedGradients(network).attribute(
        torch.from_numpy(rows), torch.from_numpy(start)[None], target=1, n_steps=50
    )
    _assert_close(ours, captum)


def test_completeness_is_the_gap_of_the_sum(served):
    model, network = served
    rows = _rows(model, 16)
    method = EXPLAINERS["integrated_gradients"]
    results = method.explain(
        model, model.predict(rows), parse_parameters(method, {"target": 1})
    )
    with torch.no_grad():
        end = network(torch.from_numpy(rows))[:, 1]
        start = network(torch.from_numpy(model.mean)[None])[:, 1]
    for result, change in zip(results, (end - start).tolist(), strict=True):
        gap = abs(float(result.attributions.astype(np.float64).sum()) - change)
        assert result.completeness.absolute == pytest.approx(gap, abs=1e-4)
        assert result.completeness.relative <= 0.02
        assert result.completeness.met


@pytest.mark.parametrize("tolerance", [1e-3, 0.05, 1.0])
def test_completeness_is_relative_to_the_change_and_met_within_the_tolerance(
    served, tolerance
):
    """By the midpoint alone, which is too few."""
    model, network = served
    rows = _rows(model, 64)
    method = EXPLAINERS["integrated_gradients"]
    values = {"target": 1, "steps": 1, "max_steps": 1, "tolerance": tolerance}
    results = method.explain(
        model, model.predict(rows), parse_parameters(method, values)
    )
    with torch.no_grad():
        end = network(torch.from_numpy(rows))[:, 1].double()
        start = network(torch.from_numpy(model.mean)[None])[:, 1].double()
    changes = (end - start).tolist()
    for result, change in zip(results, changes, strict=True):
        sums = float(result.attributions.astype(np.float64).sum())
        relative = abs(sums - change) / abs(change)
        assert result.completeness.relative == pytest.approx(relative, rel=1e-2)
        assert result.completeness.met == (result.completeness.relative <= tolerance)
    assert min(map(abs, changes)) < 1 < max(map(abs, changes))
    gaps = [result.completeness.relative for result in results]
    assert min(gaps) < 0.05 < max(gaps)


def test_doubled_steps_are_panels_of_the_rule(served):
    model, network = served
    rows = _rows(model, 4)
    start = torch.from_numpy(model.mean)[None]
    x = torch.from_numpy(rows)
    ours, _ = _explain(
        model, "integrated_gradients", rows, target=1, steps=16, max_steps=32,
        tolerance=1e-12,
    )  # fmt: skip
    parts = [
        IntegratedGradients(network).attribute(
            start + high * (x - start), start + low * (x - start), target=1, n_steps=16
        )
        for low, high in itertools.pairwise([0.0, 0.5, 1.0])
    ]
    _assert_close(ours, sum(parts[1:], parts[0]))


def test_an_unreachable_tolerance_costs_no_more_than_its_price(served):
    model, _ = served
    method = EXPLAINERS["integrated_gradients"]
    values = {"steps": 127, "max_steps": 2048, "tolerance": 1e-12}
    parameters = parse_parameters(method, values)
    sent: list[int] = []

    class Counted:
        def __getattr__(self, name):
            return getattr(model, name)

        def gradient(self, encoded, *rest):
            sent.append(len(encoded))
            return model.gradient(encoded, *rest)

    method.explain(Counted(), model.predict(_rows(model, 1)), parameters)
    assert 127 < sum(sent) <= method.rows(model, parameters) + 1


@pytest.mark.parametrize("n", [1, 7, 64])
def test_smoothgrad_is_captums_saliency_averaged_over_the_same_noise(served, n):
    model, network = served
    rows = _rows(model, n)
    ours, parameters = _explain(model, "smoothgrad", rows, target=1, seed=3, samples=20)
    noise = Noise(model, parameters, 1).draw(20, rows.shape[1:])
    noisy = torch.from_numpy(rows[:, None] + noise[None]).flatten(0, 1)
    captum = Saliency(network).attribute(noisy.requires_grad_(), target=1, abs=False)
    _assert_close(ours, captum.reshape(n, 20, -1).mean(dim=1))


def test_smoothgrad_s_noise_is_normal_in_units_of_the_training_spread(served):
    model, _ = served
    parameters = parse_parameters(EXPLAINERS["smoothgrad"], {"noise": 0.4})
    drawn = Noise(model, parameters, 1).draw(20_000, model.mean.shape)
    scaled = drawn / model.spread
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(scaled.std(axis=0), 0.4, rtol=0.03)
    # Of a normal distribution .6827 lie within one standard deviation.
    within = (np.abs(scaled) < 0.4).mean(axis=0)
    np.testing.assert_allclose(within, 0.6827, atol=0.02)


def test_smoothgrad_s_noise_is_that_of_its_seed(served):
    model, _ = served
    rows = _rows(model, 2)
    one, again, other = (
        _explain(model, "smoothgrad", rows, target=1, seed=seed)[0]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("n", [1, 7, 64])
def test_occlusion_equals_captums_ablation(served, n):
    model, network = served
    rows = _rows(model, n)
    captum = FeatureAblation(network).attribute(
        torch.from_numpy(rows), torch.from_numpy(model.mean)[None], target=1
    )
    _assert_close(_explain(model, "occlusion", rows, target=1)[0], captum)


def test_a_row_alone_is_answered_as_in_a_batch(served):
    model, _ = served
    rows = _rows(model, 9)
    for method in available(model).values():
        parameters = parse_parameters(method, {})
        together = method.explain(model, model.predict(rows), parameters)
        for i in (0, 4, 8):
            (alone,) = method.explain(model, model.predict(rows[i : i + 1]), parameters)
            assert as_bytes(alone) == as_bytes(together[i]), method.name


@pytest.mark.parametrize("value", [0.0, 1.0, -1e4, 1e4])
def test_constant_and_saturated_inputs_give_finite_answers(served, value):
    model, _ = served
    rows = np.full((1, model.background.shape[1]), value, dtype=np.float32)
    for name, method in available(model).items():
        (result,) = method.explain(
            model, model.predict(rows), parse_parameters(method, {})
        )
        assert all_finite(result), name
