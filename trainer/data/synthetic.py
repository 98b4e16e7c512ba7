"""Tables that are drawn, with their own division into train, validation and test."""

import numpy as np
from numpy.typing import NDArray

from trainer.data.raw import RawTable, Values


def parabola(seed: int = 0) -> RawTable:
    """Draw points of the unit square, labelled by y > 5 (x - .5)² + .4.

    Wu et al. (AAAI 2018), section 5: 500 training points; half the labels within .1 of
    the curve are flipped, which is about one in ten. 500 validation and 5,000 test
    points.
    """
    random = np.random.default_rng(seed)
    X = random.random((6000, 2))
    above = X[:, 1] - (5 * (X[:, 0] - 0.5) ** 2 + 0.4)
    flipped = (np.abs(above) < 0.1) & (random.random(6000) < 0.5)
    return _table(X, (above > 0) ^ flipped, (500, 500, 5000))


def synthetic(seed: int = 0) -> RawTable:
    """Draw 20,000 rows of 20 normal columns: a tree of five leaves, a slope, noise.

    The best possible accuracy is about .85 (the sign of ``z``).
    """
    random = np.random.default_rng(seed)
    X = random.normal(size=(20_000, 20))
    right = np.where(X[:, 1] > 0.3, 1, -1)
    left = np.where((X[:, 2] > -0.2) & (X[:, 3] > 0), 1, -1)
    z = 2 * np.where(X[:, 0] > 0, right, left)
    z = z + 0.6 * (X[:, 4] - X[:, 5]) + 0.5 * X[:, 0] * X[:, 6]
    y = random.random(20_000) < 1 / (1 + np.exp(-z))
    return _table(X, y, (12_000, 4000, 4000))


def _table(
    X: NDArray[np.float64], y: NDArray[np.bool_], sizes: tuple[int, int, int]
) -> RawTable:
    columns: dict[str, Values] = {f"x{i + 1}": X[:, i] for i in range(X.shape[1])}
    columns["y"] = ["yes" if label else "no" for label in y]
    parts = np.repeat(["train", "validation", "test"], sizes).tolist()
    return RawTable(columns, "y", parts=parts)
