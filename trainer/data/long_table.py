"""A table with one line a step -> sequences."""

import numpy as np
from numpy.typing import NDArray

from trainer.config import DataConfig
from trainer.data.columns import as_texts
from trainer.data.raw import RawSequences, RawTable
from trainer.errors import DataError


def sequences_of_table(raw: RawTable, data: DataConfig) -> RawSequences:
    """Gather the lines of each sequence, in the order of ``data.time``.

    Sequences come in the order of their first line. Without ``data.time`` the lines of
    a sequence keep the file's order.

    Raises
    ------
    DataError
        A column that is not there, a channel that is no number, a sequence whose label,
        group or part changes along the way though it must not.
    """
    split = data.split if isinstance(data.split, str) else None
    aside = {raw.target, data.sequence, data.time, data.group, split, *data.drop}
    for key, name in (("sequence", data.sequence), ("time", data.time),
                      ("target", raw.target), ("group", data.group),
                      ("split", split)):  # fmt: skip
        if name is not None and name not in raw.columns:
            raise DataError(f"[data] {key} names column {name!r}, which is not there")
    channels = tuple(name for name in raw.columns if name not in aside)
    if not channels:
        raise DataError("no column is left to be a channel of the sequences")
    table = np.stack([_numbers(raw, name) for name in channels], axis=1)
    lines = _lines(raw, data)
    labels = _texts(raw, raw.target)
    return RawSequences(
        values=[table[rows] for rows in lines],
        labels=[[labels[row] for row in rows] for rows in lines]
        if data.labels == "step"
        else _each(raw, raw.target, lines, 'set [data] labels = "step"'),
        channels=channels,
        classes=raw.classes,
        groups=_each(raw, data.group, lines) if data.group is not None else None,
        parts=_each(raw, split, lines) if split is not None else None,
    )


def _numbers(raw: RawTable, name: str) -> NDArray[np.float64]:
    values = raw.columns[name]
    if isinstance(values, list):
        raise DataError(
            f"column {name!r} holds texts; channels are numbers. Drop it ([data] drop) "
            "or turn it into indicators of 0 and 1"
        )
    return values


def _texts(raw: RawTable, name: str) -> list[str | None]:
    return as_texts(raw.columns[name])


def _lines(raw: RawTable, data: DataConfig) -> list[list[int]]:
    """Return the line numbers of each sequence, ordered in time."""
    lines: dict[str, list[int]] = {}
    for line, name in enumerate(_texts(raw, data.sequence or "")):
        if name is None:
            raise DataError(
                f"column {data.sequence!r} has no value in data row {line + 1}"
            )
        lines.setdefault(name, []).append(line)
    if data.time is not None:
        time = _numbers(raw, data.time)
        for rows in lines.values():
            rows.sort(key=lambda line: time[line])  # stable
    return list(lines.values())


def _each(
    raw: RawTable, name: str, lines: list[list[int]], advice: str = "it must not change"
) -> list[str]:
    """Return a column's one value in each sequence."""
    texts = _texts(raw, name)
    values = []
    for rows in lines:
        found = {texts[row] for row in rows}
        value = found.pop()
        if found or value is None:
            raise DataError(
                f"column {name!r} has several values, or none, within the sequence of "
                f"data row {rows[0] + 1}; {advice}"
            )
        values.append(value)
    return values
