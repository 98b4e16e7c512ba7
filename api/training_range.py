"""Warnings of inputs that training never saw: the farthest out, and how far it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes, Inputs
from explainers.errors import InstanceError
from explainers.instances import as_sent
from explainers.masks import count_true
from explainers.model import Model
from explainers.training_range import REFUSED, describe_beyond, find_beyond, padding

Place: TypeAlias = Sequence[int]
"""Where a value stands: instance, then step or pixel (row, column), then feature."""

Sent: TypeAlias = Callable[[Place], Any]
"""Returns what the client sent at a place; asked for categories only."""


@dataclass(slots=True)
class InputWarning:
    """A feature with values that training never saw, in some instances of the request.

    ``path`` and ``value`` are those of the value farthest out, ``instances`` the
    numbers of all that are concerned. ``minimum`` and ``maximum`` are the range of the
    training rows; null for a category that training never saw.
    """

    path: str
    feature: str
    value: Any
    minimum: float | None
    maximum: float | None
    problem: str
    instances: list[int]


@dataclass(frozen=True, slots=True)
class Unusual:
    """What is unusual about a batch.

    ``beyond`` and ``missing`` say which instances have, in each feature, a value that
    training never saw, or none: [n, n_features], or None where no instance has.
    """

    warnings: Sequence[InputWarning] = ()
    beyond: NDArray[np.bool_] | None = None
    missing: NDArray[np.bool_] | None = None


NOTHING = Unusual()


class BeyondTrainingError(InstanceError):
    """The bundle refuses values that training never saw; ``unusual`` says where."""

    def __init__(self, first: InputWarning, unusual: Unusual) -> None:
        self.unusual = unusual
        super().__init__(first.path, first.problem, REFUSED)


def find_unusual(
    model: Model, inputs: Inputs, lengths: Indexes | None, sent: Sent, root: str
) -> Unusual:
    """Compare a batch with what training saw.

    Parameters
    ----------
    inputs, lengths : as ``read_instances`` returns.
    root : what paths begin with: ``$.instances``.

    Raises
    ------
    BeyondTrainingError
        The bundle refuses values that training never saw, and there is one.
    """
    values = nested(model, inputs)
    beyond = find_beyond(model, values, lengths)
    missing = np.isnan(values) if model.may_miss else None
    if not count_true(beyond):
        return NOTHING if missing is None else Unusual((), None, _by_feature(missing))
    unusual = Unusual(
        _describe(model, values, lengths, beyond, sent, root),
        _by_feature(beyond),
        None if missing is None else _by_feature(missing),
    )
    if model.manifest.input.beyond_training == "refuse":
        raise BeyondTrainingError(unusual.warnings[0], unusual)
    return unusual


def nested(model: Model, inputs: Inputs) -> Inputs:
    """Return the inputs as a client nests them, features last: [n, ..., n_features]."""
    return np.moveaxis(inputs, 1, -1) if model.manifest.family == "image" else inputs


def distances(model: Model, values: Inputs, lengths: Indexes | None) -> Floats:
    """Return how far outside the training range each value lies, in such ranges.

    Parameters
    ----------
    values : [n, ..., n_features]. lengths : [n], the steps of sequences.

    Returns
    -------
    The shape of ``values``; 0 inside the range, for categories, missing values and
    padding.
    """
    low, high = (bound.astype(np.float64) for bound in model.training_range)
    outside = np.maximum(low - values, values - high) / np.maximum(high - low, 1e-9)
    found: Floats = np.where(outside > 0, outside, 0.0)
    if lengths is not None:
        found[padding(values, lengths)] = 0
    return found


def path_of(model: Model, at: Place, root: str) -> str:
    """Return the JSONPath of one value: of an instance, of its steps or its pixels."""
    features = model.manifest.input.features
    if model.manifest.family == "tabular":
        return f"{root}[{at[0]}][{features[at[1]].name!r}]"
    if model.manifest.family == "image" and len(features) == 1:
        at = at[:-1]
    return root + "".join(f"[{i}]" for i in at)


def sent_in(instances: Sequence[Any], model: Model) -> Sent:
    """Look values up in instances as the native API takes them."""

    def look_up(at: Place) -> Any:
        value: Any = instances
        for i in at[:-1]:
            value = value[i]
        name = model.manifest.input.features[at[-1]].name
        return value[name] if isinstance(value, dict) else value[at[-1]]

    return look_up


def _by_feature(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[n, ..., n_features] -> [n, n_features]."""
    return np.asarray(mask.any(axis=tuple(range(1, mask.ndim - 1))))


def _describe(
    model: Model,
    values: Inputs,
    lengths: Indexes | None,
    beyond: NDArray[np.bool_],
    sent: Sent,
    root: str,
) -> list[InputWarning]:
    # A category has no distance: any that training never saw will do.
    far = np.where(beyond, 1 + distances(model, values, lengths), 0)
    instances = _by_feature(beyond)
    warnings = []
    for i in np.flatnonzero(instances.any(axis=0)).tolist():
        feature = model.manifest.input.features[i]
        shape = values.shape[:-1]
        at = [int(k) for k in np.unravel_index(far[..., i].argmax(), shape)] + [i]
        is_number = feature.kind == "numeric"
        value = as_sent(values[tuple(at)]) if is_number else sent(at)
        warnings.append(
            InputWarning(
                path=path_of(model, at, root),
                feature=feature.name,
                value=value,
                minimum=_shortest(feature.minimum),
                maximum=_shortest(feature.maximum),
                problem=describe_beyond(feature, value),
                instances=np.flatnonzero(instances[:, i]).tolist(),
            )
        )
    return warnings


def _shortest(bound: float | None) -> float | None:
    """Return the bound, a single-precision number, as a client would write it."""
    return None if bound is None else as_sent(np.float32(bound))
