"""Sequences and pictures are evaluated as tables are; their parts are known."""

import numpy as np
import pytest

from trainer.evaluate.measure import Settings, evaluate, pick_rows, prepare_row
from trainer.evaluate.randomise import run_by_torch


@pytest.mark.parametrize("name", ["gru", "lstm", "cnn", "own"])
def test_torch_answers_as_the_graphs_do(case_of, name):
    case = case_of(name)
    network = case.trained.network
    same = run_by_torch(case.model, case.trained.prepared.family, network)
    rows = tuple(array[:9] for array in case.rows)
    ours, expected = same.predict(*rows), case.model.predict(*rows)
    np.testing.assert_allclose(ours.logits, expected.logits, atol=1e-4)
    target, lengths = np.ones(9, dtype=np.int64), expected.lengths
    np.testing.assert_allclose(
        same.gradient(rows[0], target, lengths)[1],
        case.model.gradient(rows[0], target, lengths)[1],
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_every_attribution_beats_the_random_order(case_of, name):
    case = case_of(name)
    methods = ("gradient", "occlusion")
    found = evaluate(case.trained, case.model, Settings(6, 0, methods, False))
    control = found.methods["random"]
    for method in methods:
        record = found.methods[method]
        assert record.deletion.value < control.deletion.value, method
        assert record.insertion.value > control.insertion.value, method
        assert record.infidelity.value < 1, method
        assert all(abs(alike) < 0.95 for alike in record.randomised), method


@pytest.mark.parametrize(("name", "most"), [("gru", 3 * 8), ("cnn", 16)])
def test_parts_cover_the_input(case_of, name, most):
    case = case_of(name)
    random = np.random.default_rng(0)
    for x in pick_rows(case.trained, 5, random):
        row = prepare_row(case.model, x, random)
        assert row.parts.shape == x.shape
        numbers = np.unique(row.parts)
        assert numbers.tolist() == list(range(len(numbers)))
        assert len(numbers) <= most
        if name == "cnn":
            assert len(numbers) == 16
        assert row.masks.shape[1] == len(numbers)
