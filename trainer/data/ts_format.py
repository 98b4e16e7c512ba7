"""The .ts format of the UEA archive: one sequence a line, channels divided by ":"."""

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError


def parse_ts(text: str) -> tuple[list[NDArray[np.float64]], list[str]]:
    """Read sequences and their labels.

    Returns
    -------
    One array [steps, n_channels] a sequence, and one label each.

    Raises
    ------
    DataError
        No @data line, or a line whose channels differ in length.
    """
    _, marker, body = text.partition("@data")
    if not marker:
        raise DataError("not a .ts file: it has no @data line")
    values, labels = [], []
    for line in body.splitlines():
        if line.strip():
            *channels, label = line.strip().split(":")
            columns = [np.array(c.split(","), dtype=np.float64) for c in channels]
            if len({len(column) for column in columns}) != 1:
                raise DataError(f"not a .ts file: unequal channels in {line[:40]!r}")
            values.append(np.stack(columns, axis=1))
            labels.append(label)
    return values, labels
