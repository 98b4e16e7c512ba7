"""Splits: groups stay together, classes are spread, shares are kept."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.config import DataConfig
from trainer.data.columns import Column
from trainer.data.split import split_table
from trainer.data.table import Table, load_table
from trainer.errors import DataError, TrainingWarning

SHARES = (0.6, 0.2, 0.2)


def table_of(y, groups=None, **more):
    y = np.asarray(y, dtype=np.int64)
    n = len(y)
    return Table(
        columns=(Column("a", "numeric"),),
        X=np.arange(n, dtype=np.float32)[:, None],
        y=y,
        classes=tuple(map(str, range(y.max() + 1))),
        groups=np.arange(n) if groups is None else np.asarray(groups, dtype=np.int64),
        grouped=groups is not None,
        **more,
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_groups_never_straddle_and_every_row_is_somewhere(seed, size):
    random = np.random.default_rng(seed)
    groups = random.integers(0, 240 // size, 240)
    table = table_of(
        random.integers(0, 2, 240), np.unique(groups, return_inverse=True)[1]
    )
    split = split_table(table, SHARES, seed)
    parts = [
        set(table.groups[rows]) for rows in (split.train, split.validation, split.test)
    ]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    rows = np.concatenate([split.train, split.held_out])
    np.testing.assert_array_equal(np.sort(rows), np.arange(240))
    assert len(split.train) == pytest.approx(144, abs=2 * size + 24)


@pytest.mark.parametrize("seed", range(5))
def test_without_groups_each_class_is_shared_to_a_row(seed):
    y = np.repeat([0, 1, 2], [100, 53, 17])
    split = split_table(table_of(y), SHARES, seed)
    for c, n in enumerate([100, 53, 17]):
        for rows, share in zip(
            (split.train, split.validation, split.test), SHARES, strict=True
        ):
            assert abs((y[rows] == c).sum() - share * n) <= 1


def test_the_seed_decides():
    table = table_of([0, 1] * 100)
    first, again = (split_table(table, SHARES, 3) for _ in range(2))
    np.testing.assert_array_equal(first.test, again.test)
    assert set(split_table(table, SHARES, 4).test) != set(first.test)


def test_identical_inputs_stay_together(tmp_path):
    lines = [f"{i},{'no' if i % 2 else 'yes'}" for i in range(60)] * 2
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(lines) + "\n")
    table = load_table(DataConfig(path="t.csv", target="y"), tmp_path)
    split = split_table(table, SHARES, 0)
    assert not set(table.X[split.train, 0]) & set(table.X[split.held_out, 0])


def test_rows_without_a_value_are_identical_too(tmp_path):
    lines = [f"{i or ''},{'no' if i % 2 else 'yes'}" for i in range(30)] * 2
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(lines) + "\n")
    table = load_table(DataConfig(path="t.csv", target="y"), tmp_path)
    assert table.groups[0] == table.groups[30]


def test_a_split_column_decides(tmp_path):
    parts = ["train", "train", "validation", "test"] * 10
    table = table_of([0, 0, 0, 0, 1, 1, 1, 1] * 5, parts=np.array(parts))
    split = split_table(table, "part", 0)
    np.testing.assert_array_equal(split.test, np.arange(3, 40, 4))
    assert split.rows == {"train": 20, "validation": 10, "test": 10}


def test_a_split_column_with_other_names_is_refused():
    table = table_of([0, 1] * 20, parts=np.array(["train", "dev"] * 20))
    with pytest.raises(DataError, match="'part' holds 'dev'; allowed: train, valid"):
        split_table(table, "part", 0)


def test_a_split_column_that_divides_a_group_is_refused():
    y = [0, 0, 0, 0, 1, 1, 1, 1] * 5
    parts = np.array(["train", "train", "validation", "test"] * 10)
    table = table_of(y, np.repeat(np.arange(20), 2), parts=parts)
    with pytest.raises(DataError, match="data rows 3 and 4 belong to one group"):
        split_table(table, "part", 0)
    with pytest.warns(TrainingWarning, match="identical inputs"):
        split_table(dataclasses.replace(table, grouped=False), "part", 0)


def test_a_part_without_a_class_is_refused():
    y = [0] * 20 + [1] * 20
    table = table_of(y, [0] * 20 + list(range(1, 21)))
    with pytest.raises(DataError, match="would have no row of class '0'"):
        split_table(table, SHARES, 0)
