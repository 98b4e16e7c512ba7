"""Explanations of a batch, through the cache where that is worth it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import orjson

from api.cache import Cache, Entry
from api.cache.key import ExplanationKeys
from api.cache.single_flight import SingleFlight, wait_for
from api.encoding import encode
from api.explanation_requests import ExplanationRequest
from explainers.errors import NonFiniteError, ParameterError
from explainers.methods.base import Explainer
from explainers.model import Model, Prediction

CachePolicy: TypeAlias = Literal["use", "refresh", "avoid"]
"""``refresh`` computes and stores (no-cache), ``avoid`` only computes (no-store)."""

MAX_ROWS_AT_ONCE = 16_384
"""Network rows computed in one step, which bounds the memory of intermediate arrays."""


@dataclass(frozen=True)
class Explained:
    """``explanations[row][request]``, ready for the encoder; where they came from.

    ``age_s`` is the age of the oldest cached explanation, None when none was used.
    """

    explanations: list[list[Any]]
    cache: Literal["hit", "miss", "bypass"]
    age_s: int | None


def is_cached(method: Explainer) -> bool:
    """Whether a method's results are worth keeping: looking a cheap one up costs more
    than computing it.
    """
    return method.cost != "cheap"


class ExplanationService:
    """Computes explanations, once at a time for equal inputs, and keeps them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._flights = SingleFlight()

    def explain(
        self,
        model: Model,
        prediction: Prediction,
        requests: Sequence[ExplanationRequest],
        policy: CachePolicy = "use",
    ) -> Explained:
        """Answer every request for every row.

        Raises
        ------
        ParameterError
            A parameter does not fit this model (a target that is no class, say).
        NonFiniteError
            An explanation holds NaN or infinity.
        """
        columns: dict[int, list[Any]] = {}
        kept: list[tuple[int, _Column]] = []
        for index, request in enumerate(requests):
            if is_cached(request.method) and policy != "avoid":
                kept.append((index, _Column(model, prediction, request)))
            else:
                columns[index] = compute(model, prediction, request)
        found = self._look_up([column for _, column in kept], policy)
        entries = dict(found)
        for index, column in kept:
            entries |= self._complete(column, entries)
            columns[index] = [orjson.Fragment(entries[k].payload) for k in column.keys]
        return Explained(
            explanations=[
                [columns[index][row] for index in range(len(requests))]
                for row in range(len(prediction))
            ],
            cache=_outcome(kept, found, policy),
            age_s=_age_s(found),
        )

    def _look_up(
        self, columns: Sequence["_Column"], policy: CachePolicy
    ) -> dict[bytes, Entry]:
        keys = list(dict.fromkeys(key for column in columns for key in column.keys))
        return self._cache.get_many(keys) if keys and policy == "use" else {}

    def _complete(
        self, column: "_Column", entries: dict[bytes, Entry]
    ) -> dict[bytes, Entry]:
        """Return the entries that are still missing: computed here or by another."""
        missing = [key for key in dict.fromkeys(column.keys) if key not in entries]
        if not missing:
            return {}
        mine, theirs = self._flights.claim(missing)
        computed: dict[bytes, Entry] = {}
        try:
            if mine:
                computed = column.compute(mine)
                self._cache.set_many(computed)
        finally:
            self._flights.land(mine, computed)
        computed |= wait_for(theirs)
        if failed := [key for key in missing if key not in computed]:
            computed |= column.compute(failed)
        return computed


class _Column:
    """One request for every row of a batch, with the rows' keys."""

    def __init__(
        self, model: Model, prediction: Prediction, request: ExplanationRequest
    ) -> None:
        self._model = model
        self._prediction = prediction
        self._request = request
        key_of = ExplanationKeys(model.digest, request.method.name, request.parameters)
        # A sequence counts up to its own length: padding depends on the batch.
        ragged = model.manifest.family == "sequence"
        self.keys = [
            key_of(row[:length] if ragged else row)
            for row, length in zip(prediction.inputs, prediction.lengths, strict=True)
        ]

    def compute(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Compute and encode the rows of these keys."""
        row_of = {key: row for row, key in enumerate(self.keys)}
        prediction = take(self._prediction, [row_of[key] for key in keys])
        results = compute(self._model, prediction, self._request)
        now = time.time()
        return {
            key: Entry(encode(result), now)
            for key, result in zip(keys, results, strict=True)
        }


def compute(
    model: Model, prediction: Prediction, request: ExplanationRequest
) -> list[Any]:
    """Run one method on every row, in steps of bounded memory."""
    results: list[Any] = []
    try:
        # An extreme input may overflow here; the finiteness check then says so.
        with np.errstate(over="ignore", invalid="ignore"):
            for part in _parts(model, prediction, request):
                results += request.method.explain(model, part, request.parameters)
    except ParameterError as error:
        path = request.path + error.path.removeprefix("$")
        raise ParameterError(path, error.problem, error.allowed) from error
    except NonFiniteError as error:
        raise NonFiniteError(f"{request.method.name}: {error}") from error
    return results


def _parts(
    model: Model, prediction: Prediction, request: ExplanationRequest
) -> Iterator[Prediction]:
    each = max(1, request.method.rows(model, request.parameters))
    size = max(1, MAX_ROWS_AT_ONCE // each)
    if len(prediction) <= size:
        yield prediction
        return
    for start in range(0, len(prediction), size):
        yield take(prediction, slice(start, start + size))


def take(prediction: Prediction, rows: list[int] | slice) -> Prediction:
    """Return the prediction of some of the rows."""
    return Prediction(
        **{
            name: getattr(prediction, name)[rows]
            for name in prediction.__struct_fields__
        }
    )


def _outcome(
    kept: Sequence[tuple[int, _Column]], found: dict[bytes, Entry], policy: CachePolicy
) -> Literal["hit", "miss", "bypass"]:
    if not kept or policy != "use":
        return "bypass"
    hit = all(key in found for _, column in kept for key in column.keys)
    return "hit" if hit else "miss"


def _age_s(found: dict[bytes, Entry]) -> int | None:
    if not found:
        return None
    oldest = min(entry.stored_at for entry in found.values())
    return max(0, int(time.time() - oldest))
