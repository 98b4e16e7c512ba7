"""Prototypes of tables: rows that a client could send, and what they answer."""

import numpy as np
import pytest
import torch

from trainer.visualize.objectives import logit
from trainer.visualize.optimise import Recipe
from trainer.visualize.prototypes import find_prototypes, nearest_distances


@pytest.fixture(scope="module")
def made(mixed_trained):
    prepared = mixed_trained.prepared
    columns = prepared.family.describe_tree_features()
    Z = prepared.Z[prepared.split.train]
    objectives = [logit(0), logit(1)]
    found = find_prototypes(mixed_trained.network, objectives, columns, Z, Recipe())
    return columns, Z, found


def test_numbers_stay_in_the_training_range_and_categories_are_decided(made):
    columns, _, prototypes = made
    for row in prototypes.rows:
        for column, value in zip(columns, row, strict=True):
            assert column.minimum <= value <= column.maximum
            if column.kind == "missing":
                assert value == 0
        chosen = [v for c, v in zip(columns, row, strict=True) if c.kind == "category"]
        assert sorted(chosen) == [0, 0, 1]


def test_scores_are_the_network_s_and_beat_most_rows(made, mixed_trained):
    _, Z, prototypes = made
    with torch.no_grad():
        network = mixed_trained.network
        answers = network(torch.from_numpy(prototypes.rows)).numpy()
        real = network(torch.from_numpy(Z)).numpy()
    np.testing.assert_allclose(prototypes.scores, answers.diagonal(), atol=1e-5)
    for target in (0, 1):
        assert (real[:, target] < prototypes.scores[target]).mean() > 0.9


def test_a_linear_network_s_prototype_leans_along_its_weights(made):
    columns, Z, _ = made
    numbers = [i for i, column in enumerate(columns) if column.kind == "value"]
    mean = np.array([column.mean for column in columns])
    spread = np.array([column.spread for column in columns])
    weights = np.zeros(len(columns))
    weights[numbers] = np.array([0.3, -0.2, 0.1]) / spread[numbers]
    network = torch.nn.Linear(len(columns), 1, bias=False)
    network.weight.data = torch.tensor(weights[None], dtype=torch.float32)
    found = find_prototypes(network, [logit(0)], columns, Z, Recipe(), price=1.0)
    leaning = (found.rows[0] - mean)[numbers] / spread[numbers]
    expected = (weights * spread)[numbers]
    cosine = leaning @ expected / np.linalg.norm(leaning) / np.linalg.norm(expected)
    assert cosine > 0.99


def test_distances_are_root_mean_squares_to_the_nearest_row():
    rows = np.array([[0.0, 0.0]], dtype=np.float32)
    known = np.array([[3.0, 8.0], [10.0, 10.0]], dtype=np.float32)
    found = nearest_distances(rows, known, np.array([1.0, 2.0]))
    assert found.tolist() == pytest.approx([np.sqrt((9 + 16) / 2)])
