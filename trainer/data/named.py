"""Tables that come with scikit-learn or river, or are drawn: no download."""

from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.data.raw import RawTable, Values
from trainer.data.synthetic import parabola, synthetic


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
    "parabola": parabola,
    "synthetic": synthetic,
}
"""Data set by the name that [data] ``named`` takes."""
