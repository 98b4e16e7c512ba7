"""evaluation.json: what was measured of each method, as frozen Structs."""

from collections.abc import Sequence

import msgspec
import numpy as np

from explainers.arrays import Floats
from explainers.manifest import Document, Estimate

PATH = "evaluation.json"


class MethodRecord(Document, frozen=True, kw_only=True):
    """How well one method explains, over the rows that were explained.

    ``deletion`` and ``insertion`` are areas under the curves of the target's
    probability (``*_curve``, beside ``fractions`` of the document) as the parts that
    speak most for it are taken away, or put into the usual input, first: low and high
    is good, beside the random order. ``infidelity`` is the share of the network's
    change that the attributions miss: 0 is perfect, 1 what attributions of zero would
    do. ``max_sensitivity`` is the largest relative change of the attributions close by.
    ``randomised`` is the rank correlation with the attributions of a network with more
    and more of its layers randomised, from the output on (``layers`` of the document):
    a method that stays near 1 does not look at the weights.
    """

    deletion: Estimate
    insertion: Estimate
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]
    infidelity: Estimate | None = None
    max_sensitivity: Estimate | None = None
    randomised: tuple[float | None, ...] = ()


class Evaluation(Document, frozen=True, kw_only=True):
    """The document. ``methods`` holds every method and ``random``, the control.

    ``fractions`` of the parts that are taken away at each point of a curve; ``layers``
    how many layers, from the output on, were randomised; ``radius`` of
    ``max_sensitivity``, in training standard deviations.
    """

    model: str
    version: str
    rows: int
    seed: int
    radius: float
    fractions: tuple[float, ...]
    layers: tuple[int, ...]
    methods: dict[str, MethodRecord]


CONTROL = "random"
"""The name of the control among the methods."""


def estimate(values: Sequence[float] | Floats) -> Estimate:
    """Return the mean with its 95 % interval, by the normal approximation.

    None of the figures is below 0, and so neither is the interval.
    """
    found = np.asarray(values, dtype=np.float64)
    mean, error = float(found.mean()), 0.0
    if len(found) > 1:
        error = 1.96 * float(found.std(ddof=1)) / len(found) ** 0.5
    return Estimate(
        value=mean, n=len(found), low=max(0.0, mean - error), high=mean + error
    )


def encode_evaluation(evaluation: Evaluation) -> bytes:
    """Return evaluation.json, readable."""
    return msgspec.json.format(msgspec.json.encode(evaluation), indent=1)
