"""One raw column -> one input column: numbers as they are, texts as categories.

Refuses what is neither, and says what to do about it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.manifest import Kind
from trainer.config import DataConfig
from trainer.data.raw import Values
from trainer.data.read import date_problem
from trainer.errors import DataError

MAX_CATEGORIES = 50
"""More distinct texts than this are identifiers or free text, not categories."""
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")


@dataclass(frozen=True)
class Column:
    """One input column; ``categories`` of the whole table, their position the code."""

    name: str
    kind: Kind
    unit: str | None = None
    categories: tuple[str, ...] = ()


def as_texts(values: Values) -> list[str | None]:
    """Return any column as text; whole numbers lose their ".0"."""
    if isinstance(values, list):
        return values
    return [
        None if np.isnan(v) else np.format_float_positional(v, trim="-") for v in values
    ]


def in_order(texts: Iterable[str]) -> tuple[str, ...]:
    """Sort distinct texts, as numbers where all of them are."""
    distinct = set(texts)
    try:
        return tuple(sorted(distinct, key=lambda text: (float(text), text)))
    except ValueError:
        return tuple(sorted(distinct))


def encode_column(
    name: str, values: Values, data: DataConfig
) -> tuple[Column, NDArray[np.float32]]:
    """Return the column's schema and its values, [n] float32.

    Raises
    ------
    DataError
        No value at all, dates, more than MAX_CATEGORIES distinct texts, numbers mixed
        with texts, or a number that is infinite or beyond single precision.
    """
    unit = data.units.get(name)
    if isinstance(values, list) or name in data.categorical:
        if name not in data.categorical:
            _refuse_mixture(name, as_texts(values))
        return _encode_categories(name, as_texts(values), unit)
    if np.isnan(values).all():
        raise DataError(_empty_problem(name))
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    infinite = np.flatnonzero(np.isinf(single))
    if len(infinite):
        raise DataError(
            f"column {name!r} holds {values[infinite[0]]:g} (data row "
            f"{infinite[0] + 1}); allowed: finite numbers up to 3.4e38, or no value"
        )
    _refuse_collapse(name, values, single)
    return Column(name, "numeric", unit), single


def _refuse_collapse(
    name: str, values: NDArray[np.float64], single: NDArray[np.float32]
) -> None:
    """Refuse numbers that single precision, which the network reads, cannot tell apart.

    Time stamps and long identifiers are such numbers; a lost share of more than one in
    ten of the distinct values is no rounding.
    """
    present = ~np.isnan(values)
    before, after = len(np.unique(values[present])), len(np.unique(single[present]))
    if after < 0.9 * before:
        raise DataError(
            f"column {name!r}: {before} distinct values become {after} in single "
            "precision; subtract an offset (seconds since the first row, say), or drop "
            "the column if it is an identifier"
        )


def _encode_categories(
    name: str, texts: list[str | None], unit: str | None
) -> tuple[Column, NDArray[np.float32]]:
    present = [text for text in texts if text is not None]
    if not present:
        raise DataError(_empty_problem(name))
    if all(_DATE.match(text) for text in present):
        raise DataError(date_problem(name, repr(present[0])))
    categories = in_order(present)
    if len(categories) > MAX_CATEGORIES:
        raise DataError(
            f"column {name!r} has {len(categories)} distinct texts (such as "
            f"{categories[0]!r}); at most {MAX_CATEGORIES} categories are allowed. If "
            "it identifies rows, drop it ([data] drop) or make it the [data] group"
        )
    codes = {category: code for code, category in enumerate(categories)}
    values = [np.nan if text is None else codes[text] for text in texts]
    return (
        Column(name, "categorical", unit, categories),
        np.array(values, dtype=np.float32),
    )


def _empty_problem(name: str) -> str:
    return f"column {name!r} has no value in any row; drop it ([data] drop)"


def _refuse_mixture(name: str, texts: list[str | None]) -> None:
    """Refuse a column of numbers with some other text: a "?" is no category."""
    present = [text for text in texts if text is not None]
    other = [text for text in present if not _is_number(text)]
    if 2 * len(other) < len(present):
        raise DataError(
            f"column {name!r} holds numbers, but also the text {other[0]!r} "
            f"({len(other)} of {len(present)} values are no numbers). Leave the field "
            "empty where there is no value, or name the column in [data] categorical"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
