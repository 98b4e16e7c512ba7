"""Instances become float32 rows, or an error that names the value and its place."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainers.errors import InstanceError
from explainers.instances import (
    UNSEEN,
    as_sent,
    decode_instance,
    encode_instances,
)
from explainers.manifest import InputFeature, InputSchema

NUMERIC = InputSchema(
    shape=(2,),
    features=(
        InputFeature(name="age", kind="numeric"),
        InputFeature(name="dose", kind="numeric"),
    ),
)
MIXED = InputSchema(
    shape=(3,),
    features=(
        InputFeature(name="age", kind="numeric", missing="impute"),
        InputFeature(name="colour", kind="categorical", categories=("blue", "red")),
        InputFeature(
            name="site", kind="categorical", categories=("a", "b"), missing="impute"
        ),
    ),
)

STRICT = msgspec.structs.replace(MIXED, beyond_training="refuse")


@given(
    st.lists(
        st.tuples(
            st.floats(width=32, allow_nan=False, allow_infinity=False),
            st.integers(-(2**60), 2**60),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_lists_and_objects_give_the_same_float32_rows(rows):
    lists = encode_instances(NUMERIC, [list(row) for row in rows])
    objects = encode_instances(
        NUMERIC, [{"dose": row[1], "age": row[0]} for row in rows]
    )
    expected = np.array(rows, dtype=np.float64).astype(np.float32)
    assert np.array_equal(lists, expected)
    assert np.array_equal(objects, expected)
    assert lists.dtype == objects.dtype == np.float32


def test_categories_become_indexes_and_null_becomes_nan():
    rows = encode_instances(
        MIXED, [[1.5, "red", "a"], [None, "blue", None], {"age": 2, "site": "b",
                                                         "colour": "red"}]
    )  # fmt: skip
    expected = [[1.5, 1, 0], [math.nan, 0, math.nan], [2, 1, 1]]
    assert np.array_equal(rows, np.array(expected, dtype=np.float32), equal_nan=True)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_values_are_shown_as_sent_and_read_back(value):
    single = np.float32(value)
    assert np.float32(as_sent(single)) == single
    assert as_sent(np.float32(0.1471)) == 0.1471


def test_codes_and_truth_values_are_categories_as_tables_write_them():
    schema = InputSchema(
        shape=(2,),
        features=(
            InputFeature(name="code", kind="categorical", categories=("1", "2")),
            InputFeature(name="flag", kind="categorical", categories=("False", "True")),
        ),
    )
    rows = encode_instances(schema, [[1, True], ["2", "False"], [2.0, False]])
    assert rows.tolist() == [[0, 1], [1, 0], [1, 0]]


def test_a_row_decodes_to_the_instance_that_it_came_from():
    for instance in ([1.5, "red", "a"], [None, "blue", None], [0.1, "red", "b"]):
        row = encode_instances(MIXED, [instance])[0]
        assert decode_instance(MIXED, row) == instance


@pytest.mark.parametrize(
    ("schema", "instances", "path", "words"),
    [
        (NUMERIC, [], "$.instances", "is empty"),
        (NUMERIC, [[1, 2], [1]], "$.instances[1]", "has 1 val.*expects 2: age, dose"),
        (NUMERIC, [[1, 2, 3]], "$.instances[0]", "has 3 values"),
        (NUMERIC, [[]], "$.instances[0]", "has 0 values"),
        (NUMERIC, [[1, "2"]], "$.instances[0][1]", "number for 'dose', got a s"),
        (NUMERIC, [["1", "2"]], "$.instances[0][0]", "got a string"),
        (NUMERIC, [[1, True]], "$.instances[0][1]", "got a boolean"),
        (NUMERIC, [[1, None]], "$.instances[0][1]", "'dose' is null.*without missing"),
        (NUMERIC, [[1, [2]]], "$.instances[0][1]", "got an array"),
        (NUMERIC, [[1, {"a": 2}]], "$.instances[0][1]", "got an object"),
        (NUMERIC, [[1, math.nan]], "$.instances[0][1]", "not a finite"),
        (NUMERIC, [[math.inf, 1]], "$.instances[0][0]", "not a finite"),
        (NUMERIC, [[1e39, 1]], "$.instances[0][0]", "1e.39 for 'age'.*3.4e38"),
        (NUMERIC, [[10**400, 1]], "$.instances[0][0]", "not a finite"),
        (NUMERIC, [[-1e39, 1]], "$.instances[0][0]", "not a finite"),
        (NUMERIC, [5], "$.instances[0]", "array or an object, got a number"),
        (NUMERIC, ["12"], "$.instances[0]", "got a string"),
        (NUMERIC, [{"age": 1}], "$.instances[0]", "lacks 'dose'"),
        (NUMERIC, [{"age": 1, "dosis": 2}], "$.instances[0]", "did you mean 'dose'"),
        (NUMERIC, [{"zzz": 1}], "$.instances[0]", "feature 'zzz'; age, dose"),
        (NUMERIC, [[1, 2], {"age": 1, "dose": "x"}], "$.instances[1]['dose']", "a s"),
        (STRICT, [[1, "green", "a"]], "$.instances[0][1]",
         "'green' is not a category of 'colour'; allowed: 'blue', 'red'"),
        (STRICT, [[1, 1, "a"]], "$.instances[0][1]", "a number is not a category"),
        (MIXED, [[1, ["red"], "a"]], "$.instances[0][1]", "an array is not a cat"),
        (MIXED, [[1, None, "a"]], "$.instances[0][1]", "'colour' is null"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(schema, instances, path, words):
    with pytest.raises(InstanceError, match=words) as caught:
        encode_instances(schema, instances)
    assert caught.value.path == path


@pytest.mark.parametrize("sent", ["green", 1, 0.5, True])
def test_a_category_that_training_never_saw_equals_none_of_the_others(sent):
    encoded = encode_instances(MIXED, [[1, sent, "a"]])
    assert encoded[0, 1] == UNSEEN
    assert decode_instance(MIXED, encoded[0]) == [1, None, "a"]
