"""Each figure against captum's, or a case that is worked out by hand."""

import numpy as np
import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from captum.metrics import sensitivity_max
from torch import nn

from explainers.hiding import usual_input
from trainer.evaluate.curves import FRACTIONS, area, deletion_curve, insertion_curve
from trainer.evaluate.document import estimate
from trainer.evaluate.fidelity import (
    draw_near,
    drops_without,
    infidelity,
    max_sensitivity,
)
from trainer.evaluate.measure import (
    Settings,
    evaluate,
    explain,
    pick_rows,
    prepare_row,
)
from trainer.evaluate.parts import contributions, divide, in_spreads, sum_by_part
from trainer.evaluate.randomise import randomised, rank_correlation

TARGET = 1


@pytest.fixture
def row(cancer_model):
    x = cancer_model.background[3]
    return x, usual_input(cancer_model, x.shape), divide(cancer_model, x.shape)


def _masks(n, parts):
    return np.random.default_rng(0).integers(0, 2, (n, parts)).astype(bool)


@pytest.mark.parametrize(
    "name", ["gradient", "integrated_gradients", "smoothgrad", "occlusion"]
)
def test_infidelity_is_captums_as_a_share_of_the_change(
    cancer_model, cancer_trained, row, name
):
    x, usual, parts = row
    (result,) = explain(cancer_model, name, x[None], TARGET, 0)
    worth = sum_by_part(contributions(cancer_model, result, x, usual), parts)
    masks = _masks(200, len(worth))
    drops = drops_without(cancer_model, x, usual, parts, masks, TARGET)
    ours = infidelity(worth, masks, drops)
    network = cancer_trained.network.double()
    there = torch.from_numpy(np.where(masks, usual, x).astype(np.float64))
    given = torch.from_numpy(masks.astype(np.float64))
    expected = captum_infidelity(
        network,
        lambda inputs: (given, there),
        torch.from_numpy(x[None].astype(np.float64)),
        torch.from_numpy(worth[None]),
        target=TARGET,
        n_perturb_samples=200,
        max_examples_per_batch=200,
        normalize=True,
    )
    network.float()
    assert ours == pytest.approx(float(expected) / np.mean(drops**2), rel=1e-3)
    assert 0 <= ours <= 1


def test_infidelity_by_hand():
    masks = np.array([[True, False], [False, True], [True, True]])
    told = np.array([2.0, 1.0])
    assert infidelity(told, masks, masks @ (3 * told)) == pytest.approx(0)
    assert infidelity(np.zeros(2), masks, np.array([1.0, 1.0, 2.0])) == 1
    assert infidelity(told, masks, np.zeros(3)) is None
    # told = (1, 0, 1), drops = (1, 1, 0): the best factor is 1/2, and of the squared
    # drops (2) the errors (1/4 + 1 + 1/4) remain.
    missed = infidelity(np.array([1.0, 0.0]), masks, np.array([1.0, 1.0, 0.0]))
    assert missed == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["gradient", "integrated_gradients"])
def test_max_sensitivity_is_captums(cancer_model, row, name):
    x, _, _ = row
    near = draw_near(cancer_model, x, 3, 8, np.random.default_rng(0))
    assert np.abs((near - x) / cancer_model.spread).max() <= 3 * (1 + 1e-3)
    here, *there = explain(
        cancer_model, name, np.concatenate([x[None], near]), TARGET, 0
    )
    ours = max_sensitivity(
        here.attributions.astype(np.float64),
        [result.attributions.astype(np.float64) for result in there],
    )

    def attributions(inputs):
        found = explain(cancer_model, name, inputs[0].numpy(), TARGET, 0)
        return (torch.from_numpy(np.stack([result.attributions for result in found])),)

    expected = sensitivity_max(
        attributions,
        torch.from_numpy(x[None]),
        perturb_func=lambda inputs: (torch.from_numpy(near),),
        n_perturb_samples=8,
    )
    assert ours == pytest.approx(float(expected), rel=1e-4)
    assert ours > 0


def test_max_sensitivity_by_hand():
    here = np.array([3.0, 4.0])
    assert max_sensitivity(here, [here, here + [0, 1], here - [2, 0]]) == 0.4
    assert max_sensitivity(np.zeros(2), [here]) is None


def test_near_inputs_of_an_encoded_table_keep_their_categories(mixed_model):
    x = mixed_model.background[0]
    names = [f.kind == "numeric" for f in mixed_model.manifest.input.features]
    near = draw_near(mixed_model, x, 0.5, 4, np.random.default_rng(0))
    assert near.shape == (4, len(x)) != (4, len(mixed_model.spread))
    categories = ~np.array(names)
    assert np.array_equal(near[:, categories], np.tile(x[categories], (4, 1)), True)
    known = np.array(names) & ~np.isnan(x)
    assert (near[:, known] != x[known]).all()


def test_curves_are_the_probabilities_of_inputs_made_by_hand(cancer_model, row):
    x, usual, parts = row
    order = np.random.default_rng(0).permutation(len(x))
    curves = {
        "deleted": deletion_curve(cancer_model, x, usual, parts, order, TARGET),
        "inserted": insertion_curve(cancer_model, x, usual, parts, order, TARGET),
    }
    for point, fraction in enumerate(FRACTIONS):
        first = order[: round(fraction * len(x))]
        without, only = x.copy(), usual.copy()
        without[first], only[first] = usual[first], x[first]
        if abs(fraction * len(x) % 1 - 0.5) > 0.01:  # a half rounds either way
            for name, made in (("deleted", without), ("inserted", only)):
                _, expected = cancer_model.forward(made[None])
                assert curves[name][point] == pytest.approx(expected[0, TARGET])
    assert curves["deleted"][0] == curves["inserted"][-1]
    assert curves["deleted"][-1] == curves["inserted"][0]


def test_areas_by_hand():
    assert area(np.full(len(FRACTIONS), 0.25)) == pytest.approx(0.25)
    assert area(1 - FRACTIONS) == pytest.approx(0.5)
    # The ends count half: of x^2 in 16 trapezoids 1/3 + 1/(6 * 16^2).
    assert area(FRACTIONS**2) == pytest.approx(1 / 3 + 1 / (6 * 256))


def test_a_record_is_made_of_these_figures_for_the_class_of_each_row(
    cancer_model, cancer_trained
):
    settings = Settings(9, 5, ("occlusion", "gradient"), False)
    found = evaluate(cancer_trained, cancer_model, settings)
    random = np.random.default_rng(5)
    rows = [
        prepare_row(cancer_model, x, random)
        for x in pick_rows(cancer_trained, 9, random)
    ]
    assert {row.target for row in rows} == {0, 1}
    for row in rows:
        away = np.abs((row.near - row.x) / cancer_model.spread)
        assert 0.015 < away.max() <= found.radius * (1 + 1e-2) < 0.0203
    for name in settings.methods:
        areas, moved = [], []
        for row in rows:
            inputs = np.concatenate([row.x[None], row.near])
            here, *near = explain(cancer_model, name, inputs, row.target, 5)
            worth = contributions(cancer_model, here, row.x, row.usual)
            order = sorted(range(30), key=lambda i: -worth[i])
            assert min(worth) < 0 < max(worth)  # what speaks against comes last
            curve = deletion_curve(
                cancer_model, row.x, row.usual, row.parts, np.array(order), row.target
            )
            areas.append(area(curve))
            sizes = [in_spreads(cancer_model, answer) for answer in (here, *near)]
            moved.append(max_sensitivity(sizes[0], sizes[1:]))
        record = found.methods[name]
        assert record.deletion.value == pytest.approx(np.mean(areas))
        assert record.max_sensitivity.value == pytest.approx(np.mean(moved))


def test_layers_are_shuffled_from_the_output_on_one_after_another(
    cancer_model, cancer_trained
):
    network, shuffled = cancer_trained.network, []

    class Family:
        """Looks at the networks that would be served."""

        def graphs(self, network):
            shuffled.append(network)
            return {}

        def reference(self, network):
            return {}

    assert len(list(randomised(cancer_model, Family(), network, 0))) == len(shuffled)
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert len(layers) == len(shuffled) == 2
    for count, other in enumerate(shuffled, start=1):
        theirs = [part for part in other.modules() if isinstance(part, nn.Linear)]
        for depth, (layer, changed) in enumerate(zip(layers, theirs, strict=True)):
            old, new = layer.weight.detach().ravel(), changed.weight.ravel()
            touched = depth >= len(layers) - count
            assert torch.equal(old, new) != touched
            assert torch.equal(old.sort().values, new.sort().values)


def test_an_estimate_is_the_mean_and_its_interval():
    found = estimate([1.0, 2.0, 3.0, 4.0])
    assert found.value == 2.5
    error = 1.96 * np.sqrt(5 / 3) / 2
    assert (found.low, found.high) == pytest.approx((2.5 - error, 2.5 + error))
    assert estimate([2.0]).low == 2.0


def test_ranks_ignore_sign_and_scale_and_refuse_a_constant():
    values = np.array([1.0, -5.0, 3.0, 2.0])
    assert rank_correlation(values, -7 * values) == pytest.approx(1)
    assert rank_correlation(values, np.array([5, 1, 2, 3])) == pytest.approx(-1)
    assert rank_correlation(values, np.ones(4)) is None


def test_slopes_are_worth_their_distance_and_compared_by_spread(cancer_model, row):
    x, usual, _ = row
    (result,) = explain(cancer_model, "gradient", x[None], TARGET, 0)
    slopes = result.attributions.astype(np.float64)
    np.testing.assert_allclose(
        contributions(cancer_model, result, x, usual), slopes * (x - usual), rtol=1e-5
    )
    np.testing.assert_allclose(
        in_spreads(cancer_model, result), slopes * cancer_model.spread, rtol=1e-6
    )


def test_categories_and_missing_values_are_there_or_not(mixed_model):
    """A code times a slope would mean nothing: 3 is no larger a colour than 1."""
    for x in mixed_model.background[:20]:
        usual = usual_input(mixed_model, x.shape)
        assert not np.isnan(usual[:3]).any()
        (result,) = explain(mixed_model, "gradient", x[None], 0, 0)
        worth = contributions(mixed_model, result, x, usual)
        assert np.isfinite(worth).all()
        same = (x[3] == usual[3]) or (np.isnan(x[3]) and np.isnan(usual[3]))
        assert worth[3] == (0 if same else pytest.approx(result.attributions[3]))
