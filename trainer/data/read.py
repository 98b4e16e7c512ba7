"""Files -> raw columns. Knows CSV and Parquet, and nothing of learning."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trainer.config import DataConfig
from trainer.data.named import NAMED
from trainer.data.raw import RawTable, Values
from trainer.errors import DataError

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""Texts that mean "no value" in a CSV file. "None" is not among them: it is a category
in many tables (no garage, no insurance)."""


def read_raw(data: DataConfig, base: Path) -> RawTable:
    """Read the table that ``data`` names.

    Parameters
    ----------
    data : the [data] section.
    base : the directory that ``data.path`` is relative to.

    Raises
    ------
    DataError
        No such data set or file, not a CSV or Parquet file, a column named twice, or
        (Parquet) a type that is neither number, text nor boolean.

    Notes
    -----
    Dropped columns are listed, without values.
    """
    if data.named is not None:
        if data.named not in NAMED:
            raise DataError(
                f"no data set is named {data.named!r}; available: {', '.join(NAMED)}"
            )
        return _retarget(NAMED[data.named](), data.target)
    path = base / (data.path or "")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return RawTable(_READERS[_suffix(path)](path, data), data.target or "")


def _kept_as_text(data: DataConfig) -> set[str]:
    """Return the columns whose values are names, though they may look like numbers."""
    split = data.split if isinstance(data.split, str) else ""
    return {*data.categorical, data.target or "", data.group or "", split}


def _retarget(raw: RawTable, target: str | None) -> RawTable:
    if target in (None, raw.target):
        return raw
    return RawTable(raw.columns, target or "", parts=raw.parts)


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in _READERS:
        raise DataError(f"{path}: expected a file named {' or '.join(_READERS)}")
    return path.suffix.lower()


def _read_csv(path: Path, data: DataConfig) -> dict[str, Values]:
    """Read every value as text first: a category is then exactly what the file says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                header=None,
                dtype=str,
                keep_default_na=False,
                na_values=list(MISSING),
                skipinitialspace=True,
                encoding="utf-8-sig",
            )
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: the file is empty") from error
    except UnicodeError as error:
        raise DataError(
            f"{path}: not UTF-8: {error}; if it is Latin-1, save it as UTF-8 (iconv -f "
            "latin1 -t utf-8)"
        ) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{path}: not a CSV file: {str(error).strip()}{_hint(path)}"
        ) from error
    names = ["" if pd.isna(name) else str(name).strip() for name in frame.iloc[0]]
    if len(names) == 1 and (hint := _hint(path)):
        raise DataError(f"{path}: there is one column, {names[0]!r}{hint}")
    _check_names(path, names)
    body, as_text = frame.iloc[1:], _kept_as_text(data)
    return {
        name: []
        if name in data.drop
        else _parse(body.iloc[:, i].rename(name), numbers=name not in as_text)
        for i, name in enumerate(names)
    }


def _hint(path: Path) -> str:
    """Name the separator of a file whose first line has more of it than commas."""
    with path.open(encoding="utf-8-sig") as lines:
        first = lines.readline()
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if first.count(separator) > first.count(","):
            return f"; its fields seem to be separated by {name}: use commas"
    return ""


def _parse(column: "pd.Series[str]", *, numbers: bool) -> Values:
    """Return numbers where that is asked and every value is one, else the texts."""
    if numbers:
        parsed = pd.to_numeric(column, errors="coerce")
        if parsed.notna().sum() == column.notna().sum():
            values = np.asarray(parsed, dtype=np.float64)
            _refuse_lost_digits(str(column.name), column.to_numpy(), values)
            return values
    return [_named(text if isinstance(text, str) else "") for text in column.tolist()]


def _refuse_lost_digits(
    name: str, exact: NDArray[np.object_], values: NDArray[np.float64]
) -> None:
    """Refuse integers that double precision cannot tell apart: they identify rows."""
    large = np.abs(values) >= 2**53
    before, after = len(set(exact[large])), len(np.unique(values[large]))
    if after < before:
        raise DataError(
            f"column {name!r}: {before} distinct numbers from 2^53 on become {after}; "
            "if they identify rows, drop the column ([data] drop)"
        )


def _named(text: str) -> str | None:
    """Return a category without surrounding blanks; nothing but blanks is no value."""
    return text.strip() or None


def _read_parquet(path: Path, data: DataConfig) -> dict[str, Values]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error
    _check_names(path, table.column_names)
    return {
        name: [] if name in data.drop else _from_arrow(name, table.column(name))
        for name in table.column_names
    }


def _from_arrow(name: str, column: "pa.ChunkedArray") -> Values:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _from_arrow(name, column.cast(kind.value_type))
    if pa.types.is_temporal(kind):
        raise DataError(date_problem(name, str(kind)))
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
        kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        exact = [np.nan if v is None else v for v in column.to_pylist()]
        values = np.array([float(v) for v in exact], dtype=np.float64)
        _refuse_lost_digits(name, np.array(exact, dtype=object), values)
        return values
    if pa.types.is_boolean(kind) or _is_text(kind) or pa.types.is_null(kind):
        return [_named("" if v is None else str(v)) for v in column.to_pylist()]
    raise DataError(
        f"column {name!r} holds {kind}; allowed: numbers, texts and booleans. Drop it "
        f"([data] drop = [{name!r}]) or turn it into such columns"
    )


def _is_text(kind: "pa.DataType") -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def date_problem(name: str, example: str) -> str:
    """Say that a column of dates cannot be learned from, and what to do."""
    return (
        f"column {name!r} holds dates ({example}); allowed: numbers and categories. "
        f"Turn it into a number (days since some day) or drop it ([data] drop)"
    )


def _check_names(path: Path, names: list[str]) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if not name:
            raise DataError(f"{path}: column {position + 1} has no name")
        if name in seen:
            raise DataError(f"{path}: column {name!r} appears twice; rename one")
        seen.add(name)


_READERS = {".csv": _read_csv, ".parquet": _read_parquet}
