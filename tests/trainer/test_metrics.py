"""Figures and intervals, against scikit-learn, scipy and closed forms."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import log_loss, roc_auc_score

from trainer.errors import TrainingWarning
from trainer.metrics import (
    bootstrap,
    estimate_auc,
    estimate_balanced_fidelity,
    estimate_calibration_error,
    lowest_auc,
    macro_auc,
    mean_statistic,
    measure_constant,
    measure_network,
    wilson,
)


@pytest.fixture
def binary():
    random = np.random.default_rng(0)
    p = np.round(random.random(300), 2)  # with ties
    y = (random.random(300) < p).astype(np.int64)
    return np.stack([1 - p, p], axis=1).astype(np.float32), y


@pytest.fixture
def three():
    random = np.random.default_rng(1)
    logits = random.normal(size=(200, 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = np.array([random.choice(3, p=row) for row in p])
    return p.astype(np.float32), y


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (7, 10), (980, 1000)])
def test_wilson_is_that_of_scipy(hits, n):
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    found = wilson(hits, n)
    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.low <= found.value <= found.high


def test_auc_is_that_of_scikit_learn(binary, three):
    p, y = binary
    assert macro_auc(p, y) == pytest.approx(roc_auc_score(y, p[:, 1]))
    q, t = three
    expected = roc_auc_score(
        t, q.astype(float) / q.sum(1, keepdims=True), multi_class="ovr"
    )
    assert macro_auc(q, t) == pytest.approx(expected)


def test_auc_interval_is_that_of_resampling_by_hand(binary):
    p, y = binary
    found = estimate_auc(p, y, 0)
    assert found.value == pytest.approx(roc_auc_score(y, p[:, 1]))
    random = np.random.default_rng(5)
    by_class = [np.flatnonzero(y == c) for c in (0, 1)]
    draws = []
    for _ in range(400):
        rows = np.concatenate([random.choice(r, len(r)) for r in by_class])
        draws.append(roc_auc_score(y[rows], p[rows, 1]))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_auc_of_a_perfect_ranking_is_no_certainty():
    """Resampling cannot make a mistake that the rows did not hold."""
    y = np.array([0] * 12 + [1] * 30)
    p = np.where(y == 1, 0.9, 0.1).astype(np.float32)
    found = estimate_auc(np.stack([1 - p, p], axis=1), y, seed=0)
    assert (found.value, found.high) == (1, 1)
    assert found.low == lowest_auc(12, 30)
    m, n, auc = 12, 30, found.low  # the equation itself, with Hanley and McNeil's terms
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    each = (m + n) / 2 - 1
    variance = (auc * (1 - auc) + each * (q1 - auc**2 + q2 - auc**2)) / (m * n)
    assert 1 - auc == pytest.approx(1.959963984540054 * np.sqrt(variance), rel=1e-6)


@pytest.mark.parametrize("rows", [8, 20, 60])
def test_lowest_auc_covers_what_could_rank_perfectly(rows):
    """A true AUC below the bound gives a perfect ranking in few of many trials."""
    low = lowest_auc(rows, rows)
    assert 0.5 < low < 1
    shift = np.sqrt(2) * norm.ppf(low)
    random = np.random.default_rng(0)
    plus = random.normal(shift, 1, (20_000, rows)).min(axis=1)
    minus = random.normal(0, 1, (20_000, rows)).max(axis=1)
    assert (plus > minus).mean() < 0.1


def test_bootstrap_of_a_mean_matches_the_normal_interval():
    values = np.random.default_rng(2).normal(3, 2, 400)
    found = bootstrap(mean_statistic(values), np.zeros(400, dtype=np.int64), 0)
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)
    again = bootstrap(mean_statistic(values), np.zeros(400, dtype=np.int64), 0)
    assert again == found


def test_log_loss_is_that_of_scikit_learn(three):
    p, y = three
    exact = p.astype(np.float64) / p.astype(np.float64).sum(1, keepdims=True)
    found = measure_network(p, y, 0)["log_loss"].value
    assert found == pytest.approx(log_loss(y, exact, labels=[0, 1, 2]), rel=1e-5)


def test_calibration_error_by_hand():
    # Two bins: confidence .9 right 8 of 10 times, confidence .6 right 10 of 10 times.
    p = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10, dtype=np.float32)
    y = np.array([0] * 8 + [1] * 2 + [0] * 10)
    found = estimate_calibration_error(p, y, 0)
    assert found.value == pytest.approx(0.5 * 0.1 + 0.5 * 0.4)
    assert found.low <= found.value <= found.high


def test_balanced_fidelity_counts_each_decision_alike():
    decisions = np.array([0] * 90 + [1] * 10)
    agrees = np.array([True] * 90 + [False] * 8 + [True] * 2)
    found = estimate_balanced_fidelity(agrees, decisions, 0)
    assert found.value == pytest.approx((1 + 0.2) / 2)
    assert found.n == 100


def test_constant_class_is_the_floor():
    y_train, decided = np.array([1, 1, 0]), np.array([0, 0, 1])
    floor = measure_constant(y_train, decided, np.array([1, 0]), np.array([0, 0]))
    assert floor["accuracy"].value == 0.5
    assert floor["fidelity"].value == 1.0


def test_an_undefined_figure_is_omitted_with_a_warning(binary):
    p, _ = binary
    with pytest.warns(TrainingWarning, match="AUC is omitted"):
        figures = measure_network(p, np.zeros(300, dtype=np.int64), 0)
    assert "auc" not in figures
    assert all(np.isfinite(e.value) for e in figures.values())


def test_binary_and_multi_class_figures(binary, three):
    binary_figures = measure_network(*binary, 0)
    assert set(binary_figures) == {
        "auc", "accuracy", "log_loss", "calibration_error", "predicted_positive_rate",
    }  # fmt: skip
    assert set(measure_network(*three, 0)) == set(binary_figures) - {
        "predicted_positive_rate"
    }
    for figure in binary_figures.values():
        assert figure.low <= figure.value <= figure.high
        assert figure.n == 300
