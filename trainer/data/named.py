"""Data sets that come with scikit-learn or river: real rows, no download."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64] | list[str | None]
"""One raw column: numbers with NaN for missing, or texts with None for missing."""


@dataclass(frozen=True)
class RawTable:
    """Columns as they were read, not yet checked.

    ``target`` names the column to predict; ``classes`` fixes the order of its values
    where the source has one (scikit-learn's target_names), else it is None.
    """

    columns: dict[str, Values]
    target: str
    classes: tuple[str, ...] | None = None


def _scikit_learn(loader: str) -> RawTable:
    from sklearn import datasets

    bunch: Any = getattr(datasets, loader)()
    names = [str(name) for name in bunch.feature_names]
    classes = tuple(str(name) for name in bunch.target_names)
    columns: dict[str, Values] = {
        name: np.asarray(bunch.data[:, i], dtype=np.float64)
        for i, name in enumerate(names)
    }
    columns["class"] = [classes[int(code)] for code in bunch.target]
    return RawTable(columns, "class", classes)


def _river(dataset: str) -> RawTable:
    from river import datasets

    rows = list(getattr(datasets, dataset)())
    columns: dict[str, Values] = {
        str(name): np.array([float(x[name]) for x, _ in rows]) for name in rows[0][0]
    }
    columns["class"] = [str(y) for _, y in rows]
    return RawTable(columns, "class")


NAMED: dict[str, Callable[[], RawTable]] = {
    "breast_cancer": lambda: _scikit_learn("load_breast_cancer"),
    "wine": lambda: _scikit_learn("load_wine"),
    "digits": lambda: _scikit_learn("load_digits"),
    "image_segments": lambda: _river("ImageSegments"),
    "bananas": lambda: _river("Bananas"),
}
"""Data set by the name that [data] ``named`` takes."""
