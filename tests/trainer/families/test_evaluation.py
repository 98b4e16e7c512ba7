"""Sequences and pictures are evaluated as tables are; their parts are known."""

import numpy as np
import pytest
import torch

from trainer.evaluate.measure import (
    Settings,
    evaluate,
    explain,
    pick_rows,
    prepare_row,
)
from trainer.evaluate.parts import contributions, sum_by_part
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


@pytest.mark.parametrize("name", ["cnn", "own", "flat"])
def test_torch_maps_as_the_graphs_do(case_of, name):
    case = case_of(name)
    network = case.trained.network
    same = run_by_torch(case.model, case.trained.prepared.family, network)
    pictures, target = case.rows[0][:9], np.ones(9, dtype=np.int64)
    found = same.map_gradient(pictures, target)
    for ours, expected in zip(
        found, case.model.map_gradient(pictures, target), strict=True
    ):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


MAPS = ("grad_cam", "hires_cam", "layer_cam")


def test_maps_beat_the_random_order_and_change_with_the_weights(case_of):
    case = case_of("cnn")
    found = evaluate(case.trained, case.model, Settings(12, 0, MAPS, False))
    control = found.methods["random"]
    assert found.methods.keys() == {"random", *MAPS}
    for method in MAPS:
        record = found.methods[method]
        assert record.deletion.value < control.deletion.value, method
        assert record.insertion.value > control.insertion.value, method
        assert record.infidelity.value < 1, method
        assert record.max_sensitivity.value < 1, method
        assert all(abs(alike) < 0.95 for alike in record.randomised), method


def test_maps_of_an_inner_layer_are_evaluated_too(case_of):
    case = case_of("flat")
    found = evaluate(case.trained, case.model, Settings(3, 0, MAPS, False))
    for method in MAPS:
        record = found.methods[method]
        assert 0 < record.infidelity.value < 1, method
        assert record.max_sensitivity.value > 0, method
        assert all(abs(alike) < 0.95 for alike in record.randomised), method


def test_a_part_is_worth_what_lies_on_it_of_the_map_as_torch_resizes_it(case_of):
    case = case_of("cnn")
    random = np.random.default_rng(0)
    for x in pick_rows(case.trained, 5, random):
        row = prepare_row(case.model, x, random)
        (answer,) = explain(case.model, "grad_cam", x[None], row.target, 0)
        values = contributions(case.model, answer, x, row.usual)
        resized = torch.nn.functional.interpolate(
            torch.from_numpy(answer.map)[None, None], x.shape[1:], mode="bilinear"
        )[0, 0].numpy()
        worth = [resized[row.parts[0] == n].sum() for n in range(row.masks.shape[1])]
        np.testing.assert_allclose(sum_by_part(values, row.parts), worth, rtol=1e-5)


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
