"""Checked sequences: what may be learned from, padded to one array.

A row is a sequence *so far*: the first ``steps`` steps of one, with the label that
holds then. A label for the whole sequence is a row at its last step.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from trainer.config import DataConfig
from trainer.data.columns import Column
from trainer.data.labels import encode_labels, group_codes
from trainer.data.raw import RawSequences
from trainer.errors import DataError


@dataclass(frozen=True)
class Sequences:
    """Sequences that can be learned from.

    Parameters
    ----------
    columns : one per channel.
    X : [n_sequences, most steps, n_channels] float32, zero after each one's length.
    lengths : [n_sequences] int64, all >= 1.
    sequence, steps : [n] int64, the sequence of each row and how many of its steps the
        row has seen.
    y : [n] int64 class indexes; ``classes`` their names.
    groups : [n] int64, see ``Labelled``.
    """

    columns: tuple[Column, ...]
    X: Inputs
    lengths: Indexes
    sequence: Indexes
    steps: Indexes
    y: Indexes
    classes: tuple[str, ...]
    groups: Indexes
    grouped: bool
    parts: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and the SHA-256 of a canonical rendering of all of the above."""
        header = [
            [[c.name, c.unit] for c in self.columns],
            self.classes,
            self.X.shape,
        ]
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        digest.update((self.X + np.float32(0)).astype("<f4").tobytes())
        for numbers in (self.lengths, self.sequence, self.steps, self.y, self.groups):
            digest.update(numbers.astype("<i8").tobytes())
        if self.parts is not None:
            digest.update("\n".join(self.parts).encode())
        return f"sha256:{digest.hexdigest()}"

    def so_far(self, rows: Indexes) -> tuple[Inputs, Indexes]:
        """Return what a client would send for some rows: inputs [m, steps, n_channels],
        zero after each row's length, and lengths [m].
        """
        lengths = self.steps[rows]
        most = int(lengths.max())
        inputs = self.X[self.sequence[rows], :most].copy()
        inputs[np.arange(most) >= lengths[:, None]] = 0
        return inputs, lengths


def build_sequences(raw: RawSequences, data: DataConfig) -> Sequences:
    """Check sequences and pad them to one array.

    Raises
    ------
    DataError
        No sequence, an empty one, arrays of different widths, a value that is not
        finite, labels that do not fit, or a class with too few rows.
    """
    values = _check_values(raw)
    lengths = np.array([len(v) for v in values], dtype=np.int64)
    X = np.zeros((len(values), int(lengths.max()), values[0].shape[1]), np.float32)
    for padded, value in zip(X, values, strict=True):
        padded[: len(value)] = value
    sequence, steps, labels = _rows(raw, lengths)
    y, classes = encode_labels(labels, raw.classes)
    by_step = any(not isinstance(label, str) for label in raw.labels)
    names = list(raw.groups) if raw.groups is not None else _fingerprints(values)
    parts = None if raw.parts is None else np.array(list(raw.parts))[sequence]
    return Sequences(
        columns=_columns(raw, X.shape[2], data),
        X=X,
        lengths=lengths,
        sequence=sequence,
        steps=steps,
        y=y,
        classes=classes,
        groups=group_codes(names)[sequence],
        grouped=by_step or raw.groups is not None,
        parts=parts,
    )


def _check_values(raw: RawSequences) -> list[NDArray[np.float32]]:
    if not len(raw.values):
        raise DataError("the data set has no sequences")
    if len(raw.labels) != len(raw.values):
        raise DataError(
            f"{len(raw.values)} sequences, but labels for {len(raw.labels)}"
        )
    width = np.asarray(raw.values[0]).shape[-1]
    checked = []
    for number, value in enumerate(raw.values):
        array = np.asarray(value, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != width or not len(array):
            raise DataError(
                f"sequence {number}: shape {list(array.shape)}; expected at least one "
                f"step of {width} channels"
            )
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        if not np.isfinite(single).all():
            step, channel = np.argwhere(~np.isfinite(single))[0]
            raise DataError(
                f"sequence {number}, step {step}, channel {channel}: "
                f"{array[step, channel]} is no finite number. Carry the last value "
                "forward, say, and add a channel that says so"
            )
        checked.append(single)
    return checked


def _rows(raw: RawSequences, lengths: Indexes) -> tuple[Indexes, Indexes, list[str]]:
    """List the labelled rows: sequence, steps seen, label."""
    sequence: list[int] = []
    steps: list[int] = []
    labels: list[str] = []
    for number, (given, length) in enumerate(zip(raw.labels, lengths, strict=True)):
        if isinstance(given, str):
            pairs: list[tuple[int, str | None]] = [(int(length), given)]
        elif len(given) == length:
            pairs = list(enumerate(given, start=1))
        else:
            raise DataError(
                f"sequence {number} has {length} steps, but {len(given)} labels"
            )
        for seen, label in pairs:
            if label is not None:
                sequence.append(number)
                steps.append(seen)
                labels.append(label)
    if not labels:
        raise DataError("no step of any sequence has a label")
    return np.array(sequence), np.array(steps), labels


def _fingerprints(values: list[NDArray[np.float32]]) -> list[str]:
    """Name equal sequences alike: a copy in the test split would be a leak."""
    return [hashlib.sha256((v + np.float32(0)).tobytes()).hexdigest() for v in values]


def _columns(raw: RawSequences, width: int, data: DataConfig) -> tuple[Column, ...]:
    names = raw.channels or tuple(f"channel {i}" for i in range(width))
    if len(names) != width or len(set(names)) != width:
        raise DataError(
            f"{width} channels, but the names {list(names)}; each needs its own"
        )
    units = {**(raw.units or {}), **data.units}
    return tuple(Column(name, "numeric", units.get(name)) for name in names)
