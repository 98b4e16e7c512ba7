"""Values that training never saw: where a batch holds them, and what to say of one.

A network answers any input, and says nothing of how little it knows out there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from explainers.manifest import InputFeature
from explainers.model import Model

REFUSED = "this bundle refuses such values"


def find_beyond(
    model: Model, values: Inputs, lengths: Indexes | None = None
) -> NDArray[np.bool_]:
    """Return which values training never saw: beyond its range, or unseen categories.

    Parameters
    ----------
    values : [n, ..., n_features] float32. lengths : [n], the steps of sequences.

    Returns
    -------
    The shape of ``values``; False for missing values and padding.
    """
    low, high = model.training_range
    beyond: NDArray[np.bool_] = (values < low) | (values > high)
    if lengths is not None:
        beyond[padding(values, lengths)] = False
    return beyond


def padding(values: Inputs, lengths: Indexes) -> NDArray[np.bool_]:
    """[n, steps]: the steps after the end of each sequence."""
    return np.asarray(np.arange(values.shape[1]) >= lengths[:, None])


def describe_beyond(feature: InputFeature, value: Any) -> str:
    """Say what is wrong with a value, a number or category as the client sent it."""
    if feature.kind == "categorical":
        return f"training never saw the category {value!r} of {feature.name!r}"
    return (
        f"{value:g} for {feature.name!r} is outside the training range, "
        f"{feature.minimum:g} to {feature.maximum:g}"
    )
