"""Tree features: what they are, and that they learn from training rows alone."""

import numpy as np
import pytest
import torch

from trainer.data.columns import Column
from trainer.data.encoding import (
    Encoder,
    build_encoder,
    describe_inputs,
    is_identity,
    measure_moments,
    plan_encoding,
)
from trainer.errors import DataError
from trainer.prepare import prepare

NAN = float("nan")
COLUMNS = (
    Column("age", "numeric", "years"),
    Column("colour", "categorical", None, ("blue", "red")),
    Column("size", "numeric"),
)
X = np.array([[10, 0, 1], [30, 1, 2], [NAN, NAN, 3]], dtype=np.float32)


def test_columns_by_name_and_by_hand():
    plan = plan_encoding(COLUMNS, X)
    assert [column.name for column in plan] == [
        "age",
        "age is missing",
        "colour = blue",
        "colour = red",
        "colour is missing",
        "size",
    ]
    assert [column.source for column in plan] == [0, 0, 1, 1, 1, 2]
    Z = Encoder(plan)(torch.from_numpy(X)).numpy()
    np.testing.assert_array_equal(
        Z, [[10, 0, 1, 0, 0, 1], [30, 0, 0, 1, 0, 2], [20, 1, 0, 0, 1, 3]]
    )
    assert Z.dtype == np.float32


def test_inputs_say_what_may_be_missing():
    age, colour, size = describe_inputs(COLUMNS, X)
    assert (age.missing, colour.missing, size.missing) == ("impute", "impute", "refuse")
    assert (age.minimum, age.maximum) == (10, 30)
    assert (colour.minimum, colour.categories) == (None, ("blue", "red"))


def test_numbers_without_gaps_are_their_own_tree_features():
    plan = plan_encoding(COLUMNS[2:], X[:, 2:])
    assert is_identity(plan)
    assert isinstance(build_encoder(plan), torch.nn.Identity)


def test_a_constant_column_has_spread_one_and_does_not_vary():
    Z = np.array([[16777216.0, 1], [16777216.0, 2]], dtype=np.float32)
    moments = measure_moments(Z)
    np.testing.assert_array_equal(moments.varies, [False, True])
    np.testing.assert_array_equal(moments.spread, [1, 0.5])


def test_statistics_come_from_training_rows_alone(mixed_config, mixed_csv):
    honest = prepare(mixed_config, mixed_csv.parent)
    table = honest.table
    X = table.X.copy()
    held_out = honest.split.held_out
    X[held_out, 0] += 1000  # a leak would move the mean
    again = plan_encoding(table.columns, X[honest.split.train])
    assert again == honest.family.plan
    flavanoids = table.X[honest.split.train, 1]
    assert honest.family.plan[1].fill == np.nanmedian(flavanoids)
    Z = honest.Z[honest.split.train].astype(np.float64)
    np.testing.assert_allclose(honest.moments.mean, Z.mean(0))
    assert honest.moments.mean[0] != pytest.approx(honest.Z[:, 0].mean(), rel=1e-6)


def test_two_features_of_one_name_are_refused():
    columns = [
        Column("farbe", "categorical", None, ("blau", "rot")),
        Column("farbe = rot", "numeric", None),
    ]
    with pytest.raises(DataError, match="would be named 'farbe = rot'"):
        plan_encoding(columns, np.zeros((4, 2), dtype=np.float32))
