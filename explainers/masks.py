"""Questions about few numbers, asked of every answer, without numpy's overhead."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def count_true(mask: NDArray[np.bool_]) -> int:
    """Return how many values are true, any shape.

    For the few values of one row this takes a fifth of the time of ``np.count_nonzero``
    or ``.all()``, which are dispatched in Python.
    """
    return mask.tobytes().count(1)


def all_finite(values: NDArray[Any] | np.floating[Any]) -> bool:
    """Whether no value is NaN or infinite, any shape."""
    return count_true(np.isfinite(values)) == values.size
