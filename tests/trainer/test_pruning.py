"""The exact pruning, against every pruning there is."""

from itertools import product

import numpy as np
import pytest

from trainer.budget import prune_within
from trainer.distill import certainty, grow, path_lengths, route, trim
from trainer.pruning import LEAF, Grown, prune


def random_tree(seed: int, rows: int = 240, classes: int = 3) -> Grown:
    random = np.random.default_rng(seed)
    X = random.random((rows, 3), dtype=np.float32)
    logits = 6 * (X - 0.5) @ random.normal(size=(3, classes))
    logits += random.normal(size=logits.shape)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return grow(X, p.astype(np.float32), certainty(p), 18, seed)


def all_prunings(grown: Grown, node: int = 0) -> list[set[int]]:
    """Return every set of decision nodes that is closed under parents."""
    if grown.feature[node] == LEAF:
        return [set()]
    below = product(
        all_prunings(grown, int(grown.left[node])),
        all_prunings(grown, int(grown.right[node])),
    )
    return [set(), *({node} | left | right for left, right in below)]


def objective(grown: Grown, decisions: set[int], strength: float) -> float:
    """Return the leaves' weighted error plus the price of the path length."""
    kept = trim(grown, decisions)
    leaves = kept.feature == LEAF
    weights, rows = kept.weights[leaves], kept.rows[leaves]
    error = 1 - weights.max(1).sum() / kept.weights[0].sum()
    length = (path_lengths(kept)[leaves] * rows).sum() / kept.rows[0]
    return float(error + strength * length)


def answers(grown: Grown, decisions: set[int]) -> set[int]:
    kept = trim(grown, decisions)
    return set(kept.labels[kept.feature == LEAF].tolist())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("strength", [0.0, 0.005, 0.02, 0.1, 0.6])
def test_pruning_is_the_cheapest_of_all_that_say_more_than_one_thing(seed, strength):
    grown = random_tree(seed)
    varied = [d for d in all_prunings(grown) if len(answers(grown, d)) > 1]
    best = min(objective(grown, d, strength) for d in varied)
    found = prune(grown, strength)
    assert found in varied
    assert objective(grown, found, strength) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("strength", [0.0, 0.02, 0.3])
def test_a_single_leaf_is_returned_when_asked_and_cheapest(seed, strength):
    grown = random_tree(seed)
    prunings = all_prunings(grown)
    best = min(objective(grown, d, strength) for d in prunings)
    found = prune(grown, strength, single_leaf=True)
    assert objective(grown, found, strength) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [2, 3, 4, 6])
@pytest.mark.parametrize("strength", [0.0, 0.01])
def test_budget_is_the_cheapest_within_it(seed, budget, strength):
    grown = random_tree(seed)
    fitting = [d for d in all_prunings(grown) if 1 <= len(d) < budget]
    best = min(objective(grown, d, strength) for d in fitting)
    found = prune_within(grown, strength, budget)
    assert len(found) + 1 <= budget
    assert objective(grown, found, strength) == pytest.approx(best)


def test_a_split_that_is_not_strictly_cheaper_is_cut():
    # Both halves answer class 0: at strength 0 the split costs what a leaf does.
    grown = Grown(
        feature=np.array([0, LEAF, LEAF]),
        threshold=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, LEAF, LEAF]),
        right=np.array([2, LEAF, LEAF]),
        rows=np.array([10, 5, 5]),
        weights=np.array([[8.0, 2.0], [4.0, 1.0], [4.0, 1.0]]),
    )
    assert prune(grown, 0.0, single_leaf=True) == set()
    assert prune(grown, 0.0) == {0}  # nothing here says two things: the root's split


def test_average_path_length_matches_a_hand_count():
    #        0
    #      1   2        rows: leaf 1: 6, leaf 3: 3, leaf 4: 1
    #         3 4       (6*1 + 3*2 + 1*2) / 10 = 1.4
    grown = Grown(
        feature=np.array([0, LEAF, 0, LEAF, LEAF]),
        threshold=np.array([0.5, 0, 0.8, 0, 0]),
        left=np.array([1, LEAF, 3, LEAF, LEAF]),
        right=np.array([2, LEAF, 4, LEAF, LEAF]),
        rows=np.array([10, 6, 4, 3, 1]),
        weights=np.zeros((5, 2)),
    )
    X = np.array([[0.1]] * 6 + [[0.7]] * 3 + [[0.9]], dtype=np.float32)
    assert path_lengths(grown)[route(grown, X)].mean() == pytest.approx(1.4)
    assert grown.price(1.0)[[0, 2]].sum() == pytest.approx(1.4)
