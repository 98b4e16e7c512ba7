"""Sequences become one padded array, or an error that names the step and channel."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainers import sequences
from explainers.errors import InstanceError
from explainers.instances import UNSEEN
from explainers.manifest import InputFeature, InputSchema
from explainers.sequences import decode_sequence, encode_sequences

SCHEMA = InputSchema(
    shape=(4, 2),
    features=(
        InputFeature(name="pulse", kind="numeric"),
        InputFeature(name="dose", kind="numeric"),
    ),
)
MIXED = InputSchema(
    shape=(3, 2),
    features=(
        InputFeature(name="pulse", kind="numeric", missing="impute"),
        InputFeature(name="ward", kind="categorical", categories=("a", "b")),
    ),
)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
STEPS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4)


@given(st.lists(STEPS, min_size=1, max_size=5))
def test_every_way_of_writing_gives_the_same_padded_array(batch):
    lists = [[list(step) for step in steps] for steps in batch]
    named = [[{"dose": d, "pulse": p} for p, d in steps] for steps in batch]
    arrays = [np.array(steps) for steps in batch]
    counts = [len(steps) for steps in batch]
    for instances in (lists, named, arrays):
        inputs, lengths = encode_sequences(SCHEMA, instances)
        assert inputs.shape == (len(batch), max(counts), 2)
        assert inputs.dtype == np.float32
        assert lengths.tolist() == counts
        for row, steps in zip(inputs, batch, strict=True):
            assert np.array_equal(row[: len(steps)], np.float32(steps))
            assert not row[len(steps) :].any()


@given(STEPS)
def test_a_row_decodes_to_the_steps_that_it_came_from(steps):
    (row,), (length,) = encode_sequences(SCHEMA, [steps])
    padded = np.vstack([row, np.full((2, 2), 7, dtype=np.float32)])
    again, lengths = encode_sequences(SCHEMA, [decode_sequence(padded, length)])
    assert np.array_equal(again[0], row)
    assert lengths[0] == len(steps)


def test_categories_and_missing_values_are_read_step_by_step():
    inputs, lengths = encode_sequences(
        MIXED, [[[1, "b"], [None, "a"]], [{"ward": "b", "pulse": 2}]]
    )
    expected = [[[1, 1], [math.nan, 0]], [[2, 1], [0, 0]]]
    assert np.array_equal(inputs, np.float32(expected), equal_nan=True)
    assert lengths.tolist() == [2, 1]


GOOD = [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("instances", "path", "words"),
    [
        ([], "$.instances", "is empty"),
        ([5], "$.instances[0]", "array of steps, got a number.*oldest first"),
        (["ab"], "$.instances[0]", "got a string"),
        ([{"pulse": 1}], "$.instances[0]", "got an object"),
        ([None], "$.instances[0]", "got null"),
        ([GOOD, []], "$.instances[1]", "has 0 steps; the model takes 1 to 4"),
        ([[[1, 2]] * 5], "$.instances[0]", "has 5 steps; the model takes 1 to 4"),
        ([GOOD, [[1, 2], [3]]], "$.instances[1][1]", "has 1 val.*expects 2: pulse"),
        ([[[1, 2, 3]]], "$.instances[0][0]", "has 3 values"),
        ([[1, 2]], "$.instances[0][0]", "an array or an object, got a number"),
        ([[[1, 2], [[1], 2]]], "$.instances[0][1][0]", "got an array"),
        ([[[1, "2"]]], "$.instances[0][0][1]", "number for 'dose', got a string"),
        ([[[1, True]]], "$.instances[0][0][1]", "got a boolean"),
        ([[[1, 2], [1, None]]], "$.instances[0][1][1]", "'dose' is null.*without"),
        ([GOOD, [[1, math.nan]]], "$.instances[1][0][1]", "not a finite"),
        ([[[math.inf, 2]]], "$.instances[0][0][0]", "not a finite"),
        ([[[1e39, 2]]], "$.instances[0][0][0]", "for 'pulse'.*3.4e38"),
        ([[[1, 2], [10**400, 2]]], "$.instances[0][1][0]", "not a finite"),
        ([[[1, 2], {"pulse": 1}]], "$.instances[0][1]", "lacks 'dose'"),
        ([[{"puls": 1, "dose": 2}]], "$.instances[0][0]", "did you mean 'pulse'"),
        ([[{"pulse": 1, "dose": "x"}]], "$.instances[0][0]['dose']", "a string"),
        ([np.zeros((2, 3))], "$.instances[0][0]", "has 3 values"),
        ([np.float64([[1, 2], [3, np.nan]])], "$.instances[0][1][1]", "not a finite"),
        ([np.array([["1", "2"]])], "$.instances[0][0][0]", "got a string"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(instances, path, words):
    with pytest.raises(InstanceError, match=words) as caught:
        encode_sequences(SCHEMA, instances)
    assert caught.value.path == path


def test_a_category_that_is_none_is_unseen_or_refused_as_in_tables():
    strict = msgspec.structs.replace(MIXED, beyond_training="refuse")
    for value in ("c", 0):  # nor is a category's position a category
        steps = [[1, "a"], [1, value]]
        inputs, _ = encode_sequences(MIXED, [steps])
        assert inputs[0, :, 1].tolist() == [0, UNSEEN]
        with pytest.raises(InstanceError, match="no.* category of 'ward'") as caught:
            encode_sequences(strict, [steps])
        assert caught.value.path == "$.instances[0][1][1]"


def test_one_long_sequence_may_not_pad_a_batch_beyond_its_bound():
    schema = InputSchema(shape=(10**6, 2), features=SCHEMA.features)
    long, short = [[0, 0]] * 10_000, [[0, 0]]
    most = sequences.MAX_PADDED_BYTES // (10_000 * 2 * 4)
    inputs, _ = encode_sequences(schema, [long, *[short] * (most - 1)])
    assert inputs.nbytes <= sequences.MAX_PADDED_BYTES
    with pytest.raises(InstanceError, match="requests of their own") as caught:
        encode_sequences(schema, [long, *[short] * most])
    assert caught.value.path == "$.instances"
