"""Reading tables: what is understood, and what is refused in which words."""

import numpy as np
import pandas as pd
import pytest

from trainer.config import DataConfig
from trainer.data.named import NAMED
from trainer.data.raw import RawTable
from trainer.data.table import build_table, load_table
from trainer.errors import DataError, TrainingWarning

ROWS = 24


def columns(**changes):
    """Return a sound little table as a frame of texts, with some columns replaced."""
    base = {
        "age": [str(20 + i) for i in range(ROWS)],
        "colour": ["red", "green", "blue"] * (ROWS // 3),
        "y": ["no", "yes"] * (ROWS // 2),
    }
    return pd.DataFrame({**base, **changes}, dtype=object)


def load(tmp_path, frame, **data):
    frame.to_csv(tmp_path / "t.csv", index=False)
    return load_table(DataConfig(path="t.csv", **{"target": "y", **data}), tmp_path)


def test_numbers_categories_and_gaps(tmp_path):
    frame = columns()
    frame.loc[0, "age"] = None
    frame.loc[2, "colour"] = "NA"
    table = load(tmp_path, frame, units={"age": "years"})
    age, colour = table.columns
    assert (age.kind, age.unit) == ("numeric", "years")
    assert (colour.kind, colour.categories) == ("categorical", ("blue", "green", "red"))
    assert table.classes == ("no", "yes")
    assert table.X.dtype == np.float32
    np.testing.assert_array_equal(table.X[:4, 0], np.float32([np.nan, 21, 22, 23]))
    np.testing.assert_array_equal(table.X[:4, 1], np.float32([2, 1, np.nan, 2]))
    np.testing.assert_array_equal(table.y[:3], [0, 1, 0])


def test_a_category_keeps_the_text_of_the_file(tmp_path):
    codes = ["01067", "1067", "99"] * (ROWS // 3)
    table = load(tmp_path, columns(zip=codes), categorical=("zip",))
    assert table.columns[2].categories == ("99", "01067", "1067")


def test_none_is_a_category_and_blanks_are_not(tmp_path):
    garage = ["None", "attached", "  "] * (ROWS // 3)
    table = load(tmp_path, columns(garage=garage))
    assert table.columns[2].categories == ("None", "attached")
    assert np.isnan(table.X[2, 2])


def test_classes_that_are_numbers_are_ordered_as_numbers(tmp_path):
    table = load(tmp_path, columns(y=["10", "9"] * (ROWS // 2)))
    assert table.classes == ("9", "10")


@pytest.mark.parametrize(
    ("frame", "data", "message"),
    [
        (columns(), {"target": "z"}, "target names column 'z', which the table lacks; "
         "its columns: 'age', 'colour', 'y'"),
        (columns(), {"drop": ("z",)}, "[data] drop names column 'z'"),
        (columns(), {"group": "z"}, "[data] group names column 'z'"),
        (columns(), {"categorical": ("z",)}, "[data] categorical names column 'z'"),
        (columns(), {"units": {"z": "m"}}, "[data] units names column 'z'"),
        (columns(), {"split": "z"}, "[data] split names column 'z'"),
        (columns(), {"drop": ("y",)}, "'y' is both [data] target and [data] drop"),
        (columns(), {"drop": ("age", "colour")}, "no input column is left"),
        (columns(y=["no", None] * 12), {}, "target column 'y' has no value in 12 of 24 "
         "rows (first: data row 2)"),
        (columns(y=["no"] * ROWS), {}, "target column 'y' is constant ('no'"),
        (columns(y=["no"] * 23 + ["yes"]), {}, "class 'yes' has 1 rows; at least 10"),
        (columns(y=[f"{i}" for i in range(ROWS)]), {}, "class '0' has 1 rows"),
        (columns(age=["inf"] + ["1"] * 23), {}, "column 'age' holds inf (data row 1)"),
        (columns(age=["1"] * 23 + ["1e39"]), {}, "'age' holds 1e+39 (data row 24)"),
        (columns(age=[None] * ROWS), {}, "column 'age' has no value in any row"),
        (columns(age=["?"] + ["1"] * 23), {}, "holds numbers, but also the text '?' "
         "(1 of 24 values"),
        (columns(age=["2024-05-01"] * ROWS), {}, "'age' holds dates ('2024-05-01')"),
        (columns(age=["1/5/2024"] * ROWS), {}, "'age' holds dates"),
        (columns(age=[str(1_700_000_000 + i) for i in range(ROWS)]), {},
         "column 'age': 24 distinct values become 1 in single precision"),
        (columns(who=[f"p{i}" for i in range(ROWS)]), {"group": "who", "target": "who"},
         "'who' is both [data] target and [data] group"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, frame, data, message):
    with pytest.raises(DataError) as caught:
        load(tmp_path, frame, **data)
    assert message in str(caught.value)


def test_identifiers_are_no_categories(tmp_path):
    frame = pd.concat([columns()] * 3, ignore_index=True)
    frame["who"] = [f"p{i}" for i in range(len(frame))]
    with pytest.raises(DataError, match="'who' has 72 distinct texts.* at most 50"):
        load(tmp_path, frame)
    assert len(load(tmp_path, frame, group="who").columns) == 2


def test_too_many_classes_are_refused(tmp_path):
    frame = pd.concat([columns()] * 3, ignore_index=True)
    frame["y"] = [str(i) for i in range(len(frame))]
    with pytest.raises(DataError, match="72 distinct values; at most 50 classes"):
        load(tmp_path, frame)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a,a,y\n1,2,no\n", "column 'a' appears twice"),
        ("a,,y\n1,2,no\n", "column 2 has no name"),
        ("a,y\n1,no\n1,2,3\n", "not a CSV file"),
        ("a,y\n", "is constant (the table has no rows)"),
    ],
)
def test_broken_csv_files(write_csv, text, message):
    path = write_csv(text)
    with pytest.raises(DataError) as caught:
        load_table(DataConfig(path=path.name, target="y"), path.parent)
    assert message in str(caught.value)


def test_files_and_names_that_do_not_exist(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv: no such file"):
        load_table(DataConfig(path="absent.csv", target="y"), tmp_path)
    (tmp_path / "t.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"expected a file named \.csv or \.parquet"):
        load_table(DataConfig(path="t.xlsx", target="y"), tmp_path)
    with pytest.raises(DataError, match="no data set is named 'iris'.*breast_cancer"):
        load_table(DataConfig(named="iris"))


def test_parquet_reads_as_csv_does(tmp_path, mixed_frame, mixed_csv):
    mixed_frame.to_parquet(tmp_path / "t.parquet")
    data = {"target": "region"}
    parquet = load_table(DataConfig(path="t.parquet", **data), tmp_path)
    csv = load_table(DataConfig(path=mixed_csv.name, **data), mixed_csv.parent)
    assert parquet.digest == csv.digest


def test_parquet_types(tmp_path):
    frame = columns()
    frame["age"] = np.arange(ROWS)
    frame["flag"] = [True, False] * (ROWS // 2)
    frame["when"] = pd.Timestamp("2024-05-01")
    frame["parts"] = [[1, 2]] * ROWS
    frame.to_parquet(tmp_path / "t.parquet")
    data = {"path": "t.parquet", "target": "y"}
    with pytest.raises(DataError, match=r"'when' holds dates \(timestamp"):
        load_table(DataConfig(**data), tmp_path)
    with pytest.raises(DataError, match="'parts' holds list<.*allowed: numbers"):
        load_table(DataConfig(**data, drop=("when",)), tmp_path)
    table = load_table(DataConfig(**data, drop=("when", "parts")), tmp_path)
    assert table.columns[2].categories == ("False", "True")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not a Parquet file"):
        load_table(DataConfig(**data), tmp_path)


def test_the_digest_sees_every_change_and_no_other(tmp_path):
    frame = columns()
    digest = load(tmp_path, frame).digest
    assert digest.startswith("sha256:")
    assert load(tmp_path, frame.copy()).digest == digest
    changed = frame.copy()
    changed.loc[5, "age"] = "25.5"
    assert load(tmp_path, changed).digest != digest
    assert load(tmp_path, frame, units={"age": "years"}).digest != digest
    assert load(tmp_path, frame[["colour", "age", "y"]]).digest != digest


@pytest.mark.filterwarnings("ignore:columns that never vary")
@pytest.mark.parametrize("name", NAMED)
def test_named_data_sets_load(name):
    table = load_table(DataConfig(named=name))
    assert len(table) > 100
    assert np.isfinite(table.X).all()
    assert set(table.y) == set(range(len(table.classes)))


def test_breast_cancer_keeps_the_class_order_of_scikit_learn():
    assert load_table(DataConfig(named="breast_cancer")).classes == (
        "malignant",
        "benign",
    )


def test_columns_that_never_vary_are_named(tmp_path):
    frame = columns(unit=["1"] * ROWS, site=["a"] * ROWS)
    with pytest.warns(TrainingWarning, match=r"never vary.*: 'unit', 'site'; drop"):
        load(tmp_path, frame)


def test_columns_that_identify_rows_are_named(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "patient": random.permutation(1000)[:120] + 84_000,
            "age": random.integers(20, 90, 120),
            "dose": random.normal(size=120),  # all distinct too, but no integers
            "y": ["no", "yes"] * 60,
        }
    )
    with pytest.warns(TrainingWarning, match="another whole number.*: 'patient'; drop"):
        load(tmp_path, frame)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_identifiers_beyond_double_precision_are_refused(tmp_path, kind):
    """2^53 + 1 and 2^53 are one number in double precision."""
    frame = pd.DataFrame(
        {"key": [2**53 + i for i in range(ROWS)], "y": ["no", "yes"] * (ROWS // 2)}
    )
    path = tmp_path / f"t.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    with pytest.raises(
        DataError, match="'key': 24 distinct numbers from 2.53 on become"
    ):
        load_table(DataConfig(path=path.name, target="y"), tmp_path)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("age;y\n1;no\n", "separated by semicolons: use commas"),
        ("age\ty\n1\tno\n", "separated by tabs: use commas"),
        ("age;size;y\n1,5;2,5;no\n1,5;2;no\n", "separated by semicolons"),
        ("âge,y\n1,no\n".encode("latin-1"), "if it is Latin-1, save it as UTF-8"),
    ],
)
def test_other_dialects_of_csv_are_recognised(tmp_path, raw, words):
    path = tmp_path / "t.csv"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    with pytest.raises(DataError, match=words):
        load_table(DataConfig(path="t.csv", target="y"), tmp_path)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, 2] * 12, r"column 'b' is a list with \[1\]; expected numbers as a one-d"),
        (np.ones((24, 2)), r"column 'b' is an array of float64 and shape \(24, 2\)"),
        (np.array(["x"] * 24), "column 'b' is an array of <U1"),
        (np.ones(23), "column 'b' has 23 rows, and the target column 'y' 24"),
        (["x"] * 25, "column 'b' has 25 rows"),
    ],
)
def test_what_a_loader_may_return_and_no_file_can(column, message):
    raw = RawTable({"a": np.arange(24.0), "b": column, "y": ["no", "yes"] * 12}, "y")
    with pytest.raises(DataError, match=message):
        build_table(raw, DataConfig(loader="own:load"))
    numbers = {"a": np.arange(24), "b": np.arange(24) > 3, "y": ["no", "yes"] * 12}
    table = build_table(RawTable(numbers, "y"), DataConfig(loader="own:load"))
    assert table.X[:, 1].tolist() == [0.0] * 4 + [1.0] * 20
