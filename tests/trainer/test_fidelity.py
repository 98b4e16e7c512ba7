"""Shrinkage of node fidelity, against closed forms and simulation."""

import numpy as np
import pytest
from scipy.stats import betabinom

from trainer.fidelity import (
    MEANS,
    STRENGTHS,
    draw_leaves,
    estimate_fidelity,
    posterior_of_prior,
)
from trainer.pruning import LEAF, Grown


def star(n_leaves: int) -> Grown:
    """Return a chain of decisions with ``n_leaves`` leaves, in preorder."""
    nodes = 2 * n_leaves - 1
    inner = np.arange(nodes) % 2 == 0
    inner[-1] = False
    at = np.arange(nodes)
    return Grown(
        feature=np.where(inner, 0, LEAF),
        threshold=np.zeros(nodes),
        left=np.where(inner, at + 1, LEAF),
        right=np.where(inner, at + 2, LEAF),
        rows=np.ones(nodes, dtype=np.int64),
        weights=np.ones((nodes, 2)),
    )


def estimate(agreeing: list[int], rows: list[int]):
    """Return the estimates of the leaves, and the root's."""
    tree = star(len(rows))
    leaf = tree.feature == LEAF
    counts = np.zeros((2, len(leaf)), dtype=np.int64)
    counts[:, leaf] = [agreeing, rows]
    for node in reversed(np.flatnonzero(~leaf)):
        counts[:, node] = counts[:, tree.left[node]] + counts[:, tree.right[node]]
    found = estimate_fidelity(tree, counts[0], counts[1])
    return [found[i] for i in np.flatnonzero(leaf)], found[0]


def test_evidence_is_that_of_the_beta_binomial():
    agreeing, rows = np.array([9, 3, 20]), np.array([10, 8, 20])
    weights = posterior_of_prior(agreeing, rows)
    m, s = MEANS[:, None], STRENGTHS[None, :]
    likelihood = np.prod(
        [
            betabinom.pmf(a, n, s * m, s * (1 - m))
            for a, n in zip(agreeing, rows, strict=True)
        ],
        axis=0,
    )
    expected = likelihood / np.sqrt(s)
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-7)


def test_leaves_that_differ_keep_their_own_figures():
    (first, second), _ = estimate([198, 100], [200, 200])
    assert first.value == pytest.approx(0.99, abs=0.01)
    assert second.value == pytest.approx(0.50, abs=0.02)


def test_leaves_that_agree_are_pooled_and_a_small_one_does_not_reach_one():
    leaves, root = estimate([135, 135, 134, 3], [150, 150, 150, 3])
    assert 0.88 < leaves[3].value < 0.95
    assert leaves[3].n == 3
    assert leaves[3].high - leaves[3].low > leaves[0].high - leaves[0].low
    assert root.value == pytest.approx(407 / 453, abs=0.005)
    assert root.n == 453


def test_a_leaf_without_rows_gets_a_wide_interval_around_the_others():
    (full, empty), root = estimate([95, 0], [100, 0])
    assert empty.n == 0
    assert empty.low < 0.7
    assert empty.high > full.value
    assert root.value == pytest.approx(full.value, abs=0.001)


def test_a_tree_that_no_held_out_row_reaches_is_still_estimated():
    leaves, root = estimate([0, 0], [0, 0])
    assert root.n == 0
    assert root.high - root.low > 0.5


def test_the_root_interval_is_about_that_of_a_share_of_all_rows():
    _, root = estimate([90, 45, 45], [100, 50, 50])
    half = 1.96 * np.sqrt(0.9 * 0.1 / 200)
    assert root.value == pytest.approx(0.9, abs=0.01)
    assert (root.high - root.low) / 2 == pytest.approx(half, rel=0.2)


@pytest.mark.parametrize("alike", [5, 20, 300])
def test_intervals_hold_the_truth_95_times_in_100(alike):
    # Where leaves hardly differ, 8 of them cannot show it: the intervals are wider.
    random = np.random.default_rng(0)
    covered = []
    for _ in range(50):
        truth = random.beta(alike * 0.9, alike * 0.1, size=8)
        rows = random.integers(5, 60, size=8)
        agreeing = random.binomial(rows, truth)
        low, high = np.quantile(draw_leaves(agreeing, rows, 0), [0.025, 0.975], axis=1)
        covered += ((low <= truth) & (truth <= high)).tolist()
    assert 0.93 <= np.mean(covered) <= (0.97 if alike < 100 else 1.0)
