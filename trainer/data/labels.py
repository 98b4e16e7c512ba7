"""Texts -> class indexes and group numbers, with the checks that tables have too."""

from collections.abc import Sequence

import numpy as np

from explainers.arrays import Indexes
from trainer.data.raw import RawTable
from trainer.data.table import encode_target


def encode_labels(
    labels: Sequence[str], classes: tuple[str, ...] | None
) -> tuple[Indexes, tuple[str, ...]]:
    """Return class indexes [n] and class names.

    Raises
    ------
    DataError
        One class alone, too many classes, or a class with too few rows.
    """
    return encode_target(RawTable({"label": list(labels)}, "label", classes))


def group_codes(names: Sequence[str]) -> Indexes:
    """Number the distinct names: [n] int64."""
    _, codes = np.unique(np.asarray(names), return_inverse=True)
    return codes.reshape(-1).astype(np.int64)
