"""The checked table: what may be learned from, as arrays. Refuses, never repairs."""

import hashlib
import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from trainer.config import DataConfig
from trainer.data.columns import (
    MAX_CATEGORIES,
    Column,
    as_texts,
    encode_column,
    in_order,
)
from trainer.data.raw import RawTable
from trainer.data.read import read_raw
from trainer.errors import DataError, TrainingWarning

MIN_ROWS_PER_CLASS = 10
"""Fewer leave a class without rows in some split, or with nothing to learn from."""
MIN_ROWS_OF_IDENTIFIERS = 100
"""Of fewer rows, ages and counts may well differ in each."""


@dataclass(frozen=True)
class Table:
    """A table that can be learned from.

    Parameters
    ----------
    columns : one per input.
    X : [n, n_inputs] float32; a category is its index, a missing value NaN.
    y : [n] int64 class indexes.
    classes : names, in the order of ``y``'s indexes.
    groups : [n] int64; rows of one group must stay on one side of a split. Without a
        group column (``grouped`` is False) rows with identical inputs form a group: a
        copy of a training row in the test split would be a leak.
    parts : [n] names of the split of each row, where the data say so, else None.
    """

    columns: tuple[Column, ...]
    X: Inputs
    y: Indexes
    classes: tuple[str, ...]
    groups: Indexes
    grouped: bool = False
    parts: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and the SHA-256 of a canonical rendering of all of the above."""
        header = [
            [[c.name, c.kind, c.unit, c.categories] for c in self.columns],
            self.classes,
            self.X.shape,
        ]
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        X = np.where(np.isnan(self.X), np.float32("nan"), self.X + np.float32(0))
        digest.update(X.astype("<f4").tobytes())
        digest.update(self.y.astype("<i8").tobytes())
        digest.update(self.groups.astype("<i8").tobytes())
        if self.parts is not None:
            digest.update("\n".join(self.parts).encode())
        return f"sha256:{digest.hexdigest()}"


def load_table(data: DataConfig, base: Path = Path()) -> Table:
    """Read and check the table that ``data`` names; raises DataError."""
    return build_table(read_raw(data, base), data)


def build_table(raw: RawTable, data: DataConfig) -> Table:
    """Check raw columns and turn them into arrays.

    Raises
    ------
    DataError
        An unknown column, a missing target, a constant target, a class with too few
        rows, or an input column that is no feature (columns.py).
    """
    _check_known(raw, data)
    _check_roles(raw, data)
    _check_values(raw, data)
    split = data.split if isinstance(data.split, str) else None
    parts = raw.parts if split is None else _complete(raw, split, "split")
    aside = {raw.target, data.group, split, *data.drop}
    names = [name for name in raw.columns if name not in aside]
    if not names:
        raise DataError(f"no input column is left beside {_listed(raw.columns)}")
    y, classes = encode_target(raw)
    encoded = [encode_column(name, raw.columns[name], data) for name in names]
    X = np.stack([values for _, values in encoded], axis=1)
    _warn_of_useless(names, X)
    return Table(
        columns=tuple(column for column, _ in encoded),
        X=X,
        y=y,
        classes=classes,
        groups=_groups(raw, data.group, X),
        grouped=data.group is not None,
        parts=None if parts is None else np.array(parts),
    )


def _warn_of_useless(names: list[str], X: Inputs) -> None:
    """Name the columns that never vary, and those that seem to identify rows."""
    columns = list(zip(names, X.T, strict=True))
    for fits, what in (
        (_is_constant, "never vary, and say nothing"),
        (_is_identifier, "hold another whole number in every row, as identifiers do"),
    ):
        found = [name for name, x in columns if fits(x)]
        if found:
            warnings.warn(
                f"columns that {what}: {_listed(found)}; drop them ([data] drop)",
                TrainingWarning,
                stacklevel=3,
            )


def _is_constant(x: NDArray[np.float32]) -> bool:
    return bool((x == x[0]).all())


def _is_identifier(x: NDArray[np.float32]) -> bool:
    whole = bool((x == np.rint(x)).all())  # False where a value is missing
    return whole and len(x) >= MIN_ROWS_OF_IDENTIFIERS and len(np.unique(x)) == len(x)


def _check_known(raw: RawTable, data: DataConfig) -> None:
    asked = {
        "target": [raw.target],
        "drop": data.drop,
        "group": [data.group] if data.group is not None else [],
        "categorical": data.categorical,
        "units": data.units,
        "split": [data.split] if isinstance(data.split, str) else [],
    }
    for key, names in asked.items():
        for name in names:
            if name not in raw.columns:
                raise DataError(
                    f"[data] {key} names column {name!r}, which the table lacks; its "
                    f"columns: {_listed(raw.columns)}"
                )


def _check_values(raw: RawTable, data: DataConfig) -> None:
    """Refuse columns that no file gives, but a loader may: odd types and lengths."""
    n = len(raw.columns[raw.target])
    for name, values in raw.columns.items():
        if name in data.drop:
            continue  # listed, without values
        if isinstance(values, np.ndarray):
            sound = values.dtype.kind in "fiub" and values.ndim == 1
            found = f"an array of {values.dtype} and shape {values.shape}"
        else:
            odd = [value for value in values if not isinstance(value, str | None)]
            sound, found = not odd, f"a list with {odd[:1]}"
        if not sound:
            raise DataError(
                f"column {name!r} is {found}; expected numbers as a one-dimensional "
                "array, or texts (None where there is no value) as a list"
            )
        if len(values) != n:
            raise DataError(
                f"column {name!r} has {len(values)} rows, and the target column "
                f"{raw.target!r} {n}"
            )


def _check_roles(raw: RawTable, data: DataConfig) -> None:
    """Refuse a column that is given two roles."""
    roles: dict[str, str] = {}
    given = [("target", raw.target), ("group", data.group)]
    given += [("split", data.split)] if isinstance(data.split, str) else []
    given += [("drop", name) for name in data.drop]
    for role, name in given:
        if name is not None and roles.setdefault(name, role) != role:
            raise DataError(
                f"column {name!r} is both [data] {roles[name]} and [data] {role}; it "
                "can be one of them"
            )


def _listed(names: Iterable[str], most: int = 40) -> str:
    shown = list(names)
    rest = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(map(repr, shown[:most])) + rest


def _complete(raw: RawTable, name: str, role: str) -> list[str]:
    """Return a column that must have a value in every row."""
    texts = as_texts(raw.columns[name])
    present = [text for text in texts if text is not None]
    if len(present) != len(texts):
        first = next(i for i, text in enumerate(texts) if text is None)
        raise DataError(
            f"{role} column {name!r} has no value in {len(texts) - len(present)} of "
            f"{len(texts)} rows (first: data row {first + 1}); every row needs one: "
            "remove those rows or fill them"
        )
    return present


def encode_target(raw: RawTable) -> tuple[Indexes, tuple[str, ...]]:
    """Return class indexes [n] of the target column, and class names; see above."""
    texts = _complete(raw, raw.target, "target")
    classes = raw.classes or in_order(texts)
    if len(classes) > MAX_CATEGORIES:
        raise DataError(
            f"target column {raw.target!r} has {len(classes)} distinct values; at most "
            f"{MAX_CATEGORIES} classes are allowed (regression is not supported)"
        )
    if len(set(texts)) < 2:
        raise DataError(
            f"target column {raw.target!r} is constant"
            + (f" ({texts[0]!r} in every row)" if texts else " (the table has no rows)")
            + "; at least two classes are needed"
        )
    codes = {name: code for code, name in enumerate(classes)}
    y = np.array([codes[text] for text in texts], dtype=np.int64)
    for name, rows in zip(classes, np.bincount(y, minlength=len(classes)), strict=True):
        if rows < MIN_ROWS_PER_CLASS:
            raise DataError(
                f"target column {raw.target!r}: class {name!r} has {rows} rows; "
                f"at least {MIN_ROWS_PER_CLASS} are needed. Merge it with another "
                "class or remove its rows"
            )
    return y, classes


def _groups(raw: RawTable, group: str | None, X: Inputs) -> Indexes:
    if group is not None:
        _, codes = np.unique(_complete(raw, group, "group"), return_inverse=True)
    else:
        # NaN differs from itself and -0.0 equals 0.0: compare canonical bytes instead.
        canonical = np.where(np.isnan(X), np.float32("nan"), X + np.float32(0))
        rows = np.ascontiguousarray(canonical).view(f"V{X.shape[1] * 4}").ravel()
        _, codes = np.unique(rows, return_inverse=True)
    return codes.reshape(-1).astype(np.int64)
