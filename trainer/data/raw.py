"""What a loader returns for tables, sequences and pictures, before any check.

A loader of one's own (``data = "package.module:loader"``) returns one of these; the
checks and the arrays are made from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64] | list[str | None]
"""One raw column: numbers with NaN for missing, or texts with None for missing."""

Numbers: TypeAlias = NDArray[Any]
"""Any real dtype; stored as float32."""


@dataclass(frozen=True)
class RawTable:
    """Columns as they were read.

    Parameters
    ----------
    target : the column to predict.
    classes : fixes the order of its values where the source has one (scikit-learn's
        target_names), else None.
    parts : as in ``RawSequences``.
    """

    columns: dict[str, Values]
    target: str
    classes: tuple[str, ...] | None = None
    parts: Sequence[str] | None = None


@dataclass(frozen=True)
class RawSequences:
    """Labelled sequences of any lengths.

    Parameters
    ----------
    values : one array [steps, n_channels] a sequence; finite numbers.
    labels : one text a sequence, or (for labels that change along the way) one list a
        sequence with one text a step, None where a step has no label.
    channels : names, in the order of the arrays' columns; "channel 0", ... when empty.
    units : unit by channel.
    classes : fixes the order of the classes; sorted when None.
    groups : one name a sequence; sequences of one group (visits of one patient) stay on
        one side of the split.
    parts : "train", "validation" or "test" for each sequence, where the data say so.
    """

    values: Sequence[Numbers]
    labels: Sequence[str] | Sequence[Sequence[str | None]]
    channels: tuple[str, ...] = ()
    units: dict[str, str] | None = None
    classes: tuple[str, ...] | None = None
    groups: Sequence[str] | None = None
    parts: Sequence[str] | None = None


@dataclass(frozen=True)
class RawImages:
    """Labelled pictures of one size.

    Parameters
    ----------
    pixels : [n, height, width] (one channel) or [n, height, width, n_channels], raw
        values as a camera gives them (0 to 255, say): the network scales them itself.
    labels : one text a picture.
    channels : names; "grey" for one channel, "red", "green", "blue" for three.
    white : value of a white pixel, so that PNG and JPEG can be sent to the model; 255
        when the pixels are bytes, and None otherwise.
    resize : whether such pictures may have any size; the middle of them is looked at.
    classes, groups, parts : as in ``RawSequences``.
    """

    pixels: Numbers
    labels: Sequence[str]
    channels: tuple[str, ...] = ()
    white: float | None = None
    resize: bool = False
    classes: tuple[str, ...] | None = None
    groups: Sequence[str] | None = None
    parts: Sequence[str] | None = None
