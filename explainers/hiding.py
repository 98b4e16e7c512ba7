"""An input with some of its parts taken away, and what the network answers then."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Inputs, Logits, Probabilities
from explainers.model import Model

Masks: TypeAlias = Callable[[slice], NDArray[np.bool_]]
"""Which of n masks -> [m, *shape]: true where the input is taken away. Asked for a few
at a time: all of them would fill the memory where a picture is large."""

MAX_BYTES_AT_ONCE = 8 * 2**20
"""Bound on the copies of one input that are held at a time."""


def usual_input(model: Model, shape: tuple[int, ...]) -> Inputs:
    """Return what stands for an absent input, of one row's shape.

    The training mean of a number (of a sequence or picture: of its channel), and the
    most frequent value of the background sample for a category.
    """
    if model.manifest.family != "tabular":
        return np.broadcast_to(model.mean, shape)
    means = {
        column.source: column.mean
        for column in model.manifest.tree_features
        if column.kind == "value"
    }
    usual = [
        means[i] if i in means else _most_frequent(model.background[:, i])
        for i in range(shape[0])
    ]
    return np.array(usual, dtype=np.float32)


def _most_frequent(values: Inputs) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def forward_hidden(
    model: Model, x: Inputs, masks: Masks, n: int, replacement: Inputs
) -> tuple[Logits, Probabilities]:
    """Answer n copies of ``x``, each with ``replacement`` where its mask is true.

    Parameters
    ----------
    x : one input, without the padding of a sequence.
    replacement : broadcastable to ``x``.

    Returns
    -------
    Logits and probabilities, both [n, n_classes].
    """
    answers = [
        _forward(model, np.where(masks(part), replacement, x))
        for part in chunks(n, x.nbytes)
    ]
    logits, probabilities = zip(*answers, strict=True)
    return np.concatenate(logits), np.concatenate(probabilities)


def _forward(model: Model, copies: Inputs) -> tuple[Logits, Probabilities]:
    lengths = np.full(len(copies), copies.shape[1], dtype=np.int64)
    return model.forward(copies, lengths)


def chunks(n: int, row_bytes: int) -> Iterator[slice]:
    """Divide n copies of an input so that those of one chunk stay within memory."""
    size = max(1, MAX_BYTES_AT_ONCE // max(1, row_bytes))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
