"""The data sets of the tree regularization benchmark, each for a seed.

A seed draws the synthetic data anew and divides the real ones anew.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.config import Config, parse_config

Loader = Callable[[int], tuple[Config, Path]]


def named(name: str, **sections: object) -> Loader:
    """Return the loader of a data set that comes with a package."""

    def load(seed: int) -> tuple[Config, Path]:
        raw: dict[str, Any] = {
            "name": "benchmark",
            "data": {"named": name, "seed": seed},
            **sections,
        }
        return parse_config(raw), Path()

    return load


def parabola(seed: int) -> tuple[Config, Path]:
    """500 training points of the unit square under y = 5 (x - .5)² + .4.

    Wu et al. (2018), section 5; half the labels within .1 of the curve are flipped,
    which is about one in ten. 500 validation and 5,000 test points.
    """
    random = np.random.default_rng(seed)
    X = random.random((6000, 2))
    above = X[:, 1] - (5 * (X[:, 0] - 0.5) ** 2 + 0.4)
    flipped = (np.abs(above) < 0.1) & (random.random(6000) < 0.5)
    return _table(X, (above > 0) ^ flipped, (500, 500, 5000))


def synthetic(seed: int) -> tuple[Config, Path]:
    """20,000 rows of 20 normal columns: a tree of five leaves, a slope, noise.

    The best possible accuracy is about .83.
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
) -> tuple[Config, Path]:
    folder = Path(tempfile.mkdtemp())
    frame = pd.DataFrame(X, columns=[f"x{i + 1}" for i in range(X.shape[1])])
    frame["y"] = np.where(y, "yes", "no")
    frame["part"] = np.repeat(["train", "validation", "test"], sizes)
    frame.to_parquet(folder / "rows.parquet")
    data = {"path": "rows.parquet", "target": "y", "split": "part"}
    return parse_config({"name": "benchmark", "data": data}), folder


DATA_SETS: dict[str, Loader] = {
    "breast_cancer": named("breast_cancer"),
    "parabola": parabola,
    "bananas": named("bananas"),
    "wine": named("wine"),
    "image_segments": named("image_segments"),
    "synthetic": synthetic,
    "digits": named("digits"),
    "signal_and_noise": named("signal_and_noise", model={"family": "sequence"}),
    "japanese_vowels": named("japanese_vowels", model={"family": "sequence"}),
    "basic_motions": named("basic_motions", model={"family": "sequence"}),
    "mnist": named("mnist", model={"family": "image"}),
}
