"""Medians, the suggestion and the table, by hand."""

import pytest

from tests.trainer.sweep.points import measured, point
from trainer.errors import SweepError
from trainer.sweep.frontier import as_table, on_test, on_validation, suggest, summarise


def test_medians_are_taken_by_kind_and_strength():
    points = [
        point(0.1, 0, 0.9, 0.95, 2.0),
        point(0.1, 1, 0.8, 0.97, 3.0),
        point(0.1, 2, 0.7, 0.90, 1.0),
        point(0.1, 0, 0.5, 0.50, 9.0, kind="cart"),
        point(0.01, 0, 0.6, 0.99, 4.0),
    ]
    summaries = summarise(points, on_validation)
    assert [(s.kind, s.strength, s.seeds) for s in summaries] == [
        ("regularized", 0.01, 1), ("regularized", 0.1, 3), ("cart", 0.1, 1),
    ]  # fmt: skip
    middle = summaries[1]
    assert (middle.auc, middle.fidelity, middle.average_path_length) == (0.8, 0.95, 2.0)
    assert middle.spread == (1.0, 3.0)


def test_the_simplest_point_that_costs_next_to_nothing_is_suggested():
    points = [
        point(0.001, 0, 0.950, 0.980, 4.0),
        point(0.01, 0, 0.945, 0.975, 2.0),
        point(0.01, 1, 0.945, 0.978, 2.0),
        point(0.1, 0, 0.900, 0.990, 1.0),  # too much AUC lost
        point(0.05, 0, 0.950, 0.900, 1.5),  # too little fidelity
        point(0.02, 0, 0.999, 1.000, 0.1, kind="projected"),  # a control
    ]
    knee = suggest(points)
    # The best fidelity is that of strength .1: 0.98 is exactly within .01 of it.
    assert knee.strength in (0.001, 0.01)
    points = [p for p in points if p.strength != 0.1]
    knee = suggest(points)
    assert (knee.strength, knee.seed) == (0.01, 1)
    assert "strength 0.01: the shortest paths (2.00 decisions" in knee.reason
    assert "among the 2 of 3 strengths" in knee.reason


def test_choosing_never_looks_at_test_rows():
    good, bad = measured(0.99, 0.99, 1.0), measured(0.5, 0.5, 9.0)
    points = [
        point(0.001, 0, 0.95, 0.95, 4.0, test=good),
        point(0.01, 0, 0.95, 0.95, 2.0, test=bad),
    ]
    assert suggest(points).strength == 0.01
    assert summarise(points, on_test)[1].auc == 0.5


def test_without_a_network_that_learned_there_is_nothing_to_suggest():
    with pytest.raises(SweepError, match="no run finished"):
        suggest([point(0.1, 0, 0.9, 0.9, 1.0, kind="cart")])


def test_the_table_is_markdown():
    table = as_table(summarise([point(0.1, 0, 0.9, 0.95, 2.0)], on_test))
    lines = table.splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| regularized | 0.1 | 2.00 (2.00-2.00) | 3 | 0.900 |")
