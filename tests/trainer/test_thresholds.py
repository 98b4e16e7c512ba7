"""Readable thresholds must route every training row as before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainers.rules import format_number
from trainer.distill import certainty, grow, route
from trainer.pruning import LEAF
from trainer.thresholds import short_between, shorten_thresholds

singles = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=500)
@given(singles, singles)
def test_the_decimal_lies_in_the_gap(a, b):
    if a == b:
        return
    left, right = min(a, b), max(a, b)
    threshold = short_between(left, right)
    assert left <= threshold < right
    assert left <= float(np.float32(threshold)) <= threshold


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (16.77, 16.82, "16.8"),
        (0.0, 1.0, "0.5"),
        (-5.0, 1000.0, "500"),
        (870.0, 884.5, "880"),
        (-0.01, 0.02, "0"),
        (1.0, float(np.nextafter(np.float32(1), np.float32(2))), "1.00000005"),
        (0.1427, 0.1434, "0.1431"),
        (-2.5, -1.5, "-2"),
    ],
)
def test_the_shortest_is_chosen(left, right, text):
    left, right = float(np.float32(left)), float(np.float32(right))
    assert format_number(short_between(left, right)) == text


def test_training_rows_keep_their_leaves_and_decimals_are_short(cancer_rows):
    X, y = cancer_rows
    p = np.stack([y == 0, y == 1], axis=1).astype(np.float32)
    grown = grow(X, p, certainty(p), 2, 0)
    shortened = shorten_thresholds(grown, X)
    np.testing.assert_array_equal(route(shortened, X), route(grown, X))
    inner = grown.feature != LEAF
    before = sum(len(repr(t)) for t in grown.threshold[inner])
    after = sum(len(format_number(t)) for t in shortened.threshold[inner])
    assert after < before / 2
