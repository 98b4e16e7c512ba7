"""The pull: its schedule, its penalty, and that it does what it is for."""

import doctest

import numpy as np
import pytest
import torch

import trainer.regularizers.pull as pull
from explainers.manifest import TreeFeature
from trainer.config import RegionsConfig
from trainer.distill import certainty, distill, path_lengths, route
from trainer.projection import TreeDecision
from trainer.pruning import LEAF
from trainer.regions import plan_regions
from trainer.regularizers import REGULARIZERS, NoRegularizer, build_pull
from trainer.regularizers.pull import TreeRegularizer, contradiction


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(pull).failed == 0
    assert doctest.testmod(pull).attempted > 5


def test_binary_penalty_is_the_softplus_of_the_evidence():
    z = torch.tensor([-2.0, -0.3, 0.0, 0.4, 3.0])
    logits = torch.stack([-z / 2, z / 2], dim=1)  # centred: z = logit 1 - logit 0
    decisions = torch.tensor([0, 1, 1, 0, 1])
    s = 2 * decisions - 1
    expected = (torch.log1p(torch.exp(4 * (0.5 - s * z))) / 4).mean()
    assert float(contradiction(logits, decisions)) == pytest.approx(float(expected))


def test_multi_class_margin_is_against_the_largest_other():
    logits = torch.tensor([[1.0, 3.0, -4.0]])
    for decision, margin in [(0, -2.0), (1, 2.0), (2, -7.0)]:
        found = float(contradiction(logits, torch.tensor([decision])))
        assert found == pytest.approx(np.log1p(np.exp(4 * (0.5 - margin))) / 4)


def test_schedule():
    Z = torch.rand(100, 2, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(100)
    fits = []

    def answer(z):
        return torch.stack([z[:, 0], 0.5 - z[:, 0] + 0 * z[:, 1]], dim=1)

    def by_row(picked):
        fits.append(regularizer.step)
        return answer(Z[picked])

    regularizer = TreeRegularizer(Z, answer, steps=400, weight=3.0, by_row=by_row)
    factors = []
    for _ in range(400):
        factors.append(regularizer.factor)
        penalty = regularizer(torch.zeros(100, 2), rows)
        if regularizer.tree is None:
            assert float(penalty) == 0
    assert fits == [100, 160, 220, 280, 340]
    assert factors[100] == 0
    assert factors[200] == pytest.approx(1.5)
    assert factors[300] == factors[399] == 3.0


def test_between_rows_the_tree_says_what_is_right():
    Z = torch.tensor([[0.0, 0.0], [1.0, 5.0]]).repeat(20, 1)

    def forward(z):
        # Right on every row, contradicts the tree (a split in the middle) between them.
        return 9 * torch.stack([0.9 - z[:, 0], z[:, 0] - 0.9], dim=1)

    regularizer = TreeRegularizer(Z, forward, steps=10)
    blind = TreeRegularizer(Z, forward, steps=10, by_row=lambda rows: forward(Z[rows]))
    rows = torch.arange(40)
    for _ in range(9):
        with_neighbours = regularizer(forward(Z), rows)
        without = blind(forward(Z), rows)
    assert 0 < float(without) < 0.5
    # Half of the pairs differ; shares of .5 to .9 are contradicted there.
    assert float(with_neighbours) > float(without) + 0.5


def test_the_tree_on_tensors_is_route(cancer_rows):
    X, y = cancer_rows
    p = np.stack([y == 0, y == 1], axis=1).astype(np.float32)
    tree = distill(X, p, strength=0.0, min_samples_leaf=2)
    decide = TreeDecision(tree, n_classes=2)
    at_thresholds = np.tile(X[:1], (len(tree.feature), 1))
    inner = np.flatnonzero(tree.feature != LEAF)
    at_thresholds[inner, tree.feature[inner]] = tree.threshold[inner]
    for rows in (X, at_thresholds):
        expected = tree.labels[route(tree, rows)]
        found = decide(torch.from_numpy(rows)).argmax(dim=1)
        np.testing.assert_array_equal(found, expected)


def test_the_old_tree_stays_unless_the_new_one_is_clearly_better():
    Z = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    cut = [0.5]

    def forward(z):
        return 20 * torch.stack([cut[0] - z[:, 0], z[:, 0] - cut[0]], dim=1)

    regularizer = TreeRegularizer(Z, forward, steps=100)

    def run_to(step):
        while regularizer.step < step:
            regularizer(torch.zeros(200, 2), torch.arange(200))
        return regularizer.tree

    first = run_to(30)
    cut[0] = 0.5001
    assert run_to(50) is first
    cut[0] = 0.7
    assert run_to(60) is not first


def test_its_objective_is_weighted_error_plus_priced_path_length(cancer_rows):
    X, y = cancer_rows
    z = torch.from_numpy(X[:, 20] - 16)
    p = torch.softmax(torch.stack([-z, z], dim=1), dim=1).numpy()
    tree = distill(X, p, strength=0.02, min_samples_leaf=5)
    regularizer = TreeRegularizer(torch.from_numpy(X), lambda rows: rows, steps=10)
    order = regularizer._fitted[:, 0]
    p_there = p[[int(np.flatnonzero(X[:, 0] == v)[0]) for v in order]]
    inner = tree.feature != LEAF
    by_node = 0.02 * tree.rows[inner].sum() / tree.rows[0]
    length = path_lengths(tree)[route(tree, X)].mean()
    assert by_node == pytest.approx(0.02 * length)
    wrong = tree.labels[route(tree, regularizer._fitted)] != p_there.argmax(1)
    expected = (certainty(p_there) * wrong).mean() + by_node
    assert regularizer._objective(tree, p_there) == pytest.approx(expected)


def by_hand(X, y, regularized: bool) -> float:
    """Train a small network in a loop of one's own; return fidelity on unseen rows."""
    torch.manual_seed(0)
    train, test = torch.arange(0, 3000), torch.arange(3000, 6000)
    network = torch.nn.Sequential(
        torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    regularizer = (
        TreeRegularizer(X[train], network, steps=600)
        if regularized
        else NoRegularizer()
    )
    for _ in range(600):
        rows = torch.randint(len(train), (128,))
        logits = network(X[rows])
        loss = torch.nn.functional.cross_entropy(logits, y[rows])
        loss = loss + regularizer(logits, rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        p = torch.softmax(network(X), dim=1).numpy()
    Z = X.numpy()
    tree = distill(Z[train], p[train], strength=0.02, min_samples_leaf=5)
    return float((tree.labels[route(tree, Z[test])] == p[test].argmax(1)).mean())


def test_it_raises_fidelity_in_a_loop_of_ones_own():
    random = np.random.default_rng(0)
    X = random.normal(size=(6000, 8)).astype(np.float32)
    z = X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * X[:, 3]
    y = (z + random.logistic(size=6000) / 2 > 0).astype(np.int64)
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    assert by_hand(*tensors, True) > by_hand(*tensors, False) + 0.05


def test_no_tree_is_fitted_to_a_network_of_one_answer():
    Z = torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    regularizer = TreeRegularizer(
        Z, lambda z: torch.ones(len(z), 2) * z[:, :1], steps=9
    )
    for _ in range(9):
        assert float(regularizer(torch.zeros(50, 2), torch.arange(50))) == 0
    assert regularizer.tree is None


def test_the_worst_region_alone_is_charged():
    Z = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    columns = [
        TreeFeature(name=name, source=i, mean=0.5, spread=0.3, minimum=0, maximum=1)
        for i, name in enumerate(["age", "dose"])
    ]
    regions = plan_regions(RegionsConfig(rule="age > 0.6"), columns)
    old = Z[:, 0] > 0.6

    def answer(rows):
        z = 8 * (Z[rows, 1] - 0.5) + torch.sign(Z[rows, 1] - 0.5)
        return torch.stack([-z, z], dim=1)  # agrees with its tree by 2 |z| >= 2

    regularizer = TreeRegularizer(
        Z, lambda z: z, steps=10, by_row=answer, regions=regions
    )
    rows = torch.arange(200)
    for _ in range(9):
        regularizer(answer(rows), rows)
    agreeing = answer(rows)
    logits = torch.where(old[:, None], -agreeing, agreeing)
    found = regularizer(logits, rows)
    # All contradict in the one region, by their own margins, and none in the other.
    margins = -2 * agreeing[old].abs()[:, 0].double()
    charges = torch.log1p(torch.exp(4 * (0.5 - margins))) / 4
    assert float(found) == pytest.approx(3 * float(charges.mean()), rel=1e-5)


def test_a_tree_never_forgets_a_class():
    Z = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    third = [True]

    def forward(z):
        middle = (z[:, 0] > 0.3) & (z[:, 0] < 0.6) & third[0]
        left = (z[:, 0] <= 0.3).float()
        return 9 * torch.stack([left, middle.float(), 0.5 - left / 2], dim=1)

    regularizer = TreeRegularizer(Z, forward, steps=100)
    for step in range(60):
        third[0] = step < 30
        regularizer(torch.zeros(200, 3), torch.arange(200))
    answered = regularizer.tree.labels[regularizer.tree.feature == LEAF]
    assert set(answered.tolist()) == {0, 1, 2}


def test_after_a_dead_run_the_pull_is_half_as_strong():
    Z = torch.rand(50, 2)
    ends = []
    for restart in (0, 1, 3):
        regularizer = build_pull(Z, lambda z: z, steps=4, restart=restart)
        regularizer.step = 4
        ends.append(regularizer.factor)
    assert ends == [3.0, 1.5, 0.375]


def test_the_registry_builds_either_by_the_same_call():
    Z = torch.rand(10, 2)
    for name, build in REGULARIZERS.items():
        regularizer = build(
            Z, torch.nn.Linear(2, 2), steps=5, strength=0.1, weight=0.0,
            min_samples_leaf=2, max_leaves=4, seed=1, steps_per_epoch=2, force=False,
            restart=1,
        )  # fmt: skip
        assert float(regularizer(torch.zeros(3, 2), torch.arange(3)).detach()) == 0
        assert regularizer.tree is None or name == "surrogate"
