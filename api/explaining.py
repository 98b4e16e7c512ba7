"""Explanations of a batch, through the cache where that is worth it."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import orjson

from api.admission import CostlyWork
from api.cache import Cache, Entry
from api.cache.key import ExplanationKeys
from api.cache.shared_flight import compute_once
from api.cache.single_flight import SingleFlight, wait_for
from api.encoding import encode
from api.explanation_requests import ExplanationRequest
from api.limits import is_quick
from explainers.deadlines import check_deadline
from explainers.errors import NonFiniteError, ParameterError
from explainers.methods.base import Explainer
from explainers.model import Model, Prediction

CachePolicy: TypeAlias = Literal["use", "refresh", "avoid"]
"""``refresh`` computes and stores (no-cache), ``avoid`` only computes (no-store)."""

MAX_ROWS_AT_ONCE = 16_384
"""Network rows computed in one step, which bounds the memory of intermediate arrays."""

MAX_INSTANCES_AT_ONCE = 64
"""Instances explained in one step. The slowest method that runs no network takes half
a millisecond each: a deadline is looked at, and a turn passed on, every 35 ms."""

Watch: TypeAlias = Callable[[int], None]
"""Told how many explanations a step has finished; may raise to end the work."""


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


def is_costly(
    model: Model, prediction: Prediction, request: ExplanationRequest
) -> bool:
    """Whether the work has to queue: it takes more than one step, or a long one."""
    if len(prediction) > MAX_INSTANCES_AT_ONCE:
        return True
    return is_cached(request.method) and not is_quick(model, request, prediction.inputs)


class ExplanationService:
    """Computes explanations, once at a time for equal inputs, and keeps them.

    Parameters
    ----------
    costly : bounds the costly work of this process.
    """

    def __init__(self, cache: Cache, costly: CostlyWork) -> None:
        self._cache = cache
        self._costly = costly
        self._flights = SingleFlight()

    def explain(
        self,
        model: Model,
        prediction: Prediction,
        requests: Sequence[ExplanationRequest],
        policy: CachePolicy = "use",
        watch: Watch | None = None,
    ) -> Explained:
        """Answer every request for every row.

        Parameters
        ----------
        watch : called after every step with the explanations that it finished. Whoever
            watches waits as long as it takes: the bound of requests is not for them.

        Raises
        ------
        ParameterError
            A parameter does not fit this model (a target that is no class, say).
        NonFiniteError
            An explanation holds NaN or infinity.
        RequestError
            This process computes as many costly explanations as it may.
        DeadlineError
            The deadline passed; what was finished is in the cache.
        """
        kept = {
            index: _Column(model, prediction, request)
            for index, request in enumerate(requests)
            if is_cached(request.method) and policy != "avoid"
        }
        entries = self._look_up(list(kept.values()), policy)
        found = dict(entries)
        columns = []
        with self._admitted(model, prediction, requests, kept, found, watch):
            for index, request in enumerate(requests):
                if (column := kept.get(index)) is None:
                    steps = self._steps(model, prediction, request, watch)
                    columns.append([one for _, results in steps for one in results])
                else:
                    self._complete(column, entries, policy, watch)
                    columns.append(column.fragments(entries))
        return Explained(
            explanations=[list(row) for row in zip(*columns, strict=True)]
            or [[] for _ in range(len(prediction))],
            cache=_outcome(kept.values(), found, policy),
            age_s=_age_s(found),
        )

    def _look_up(
        self, columns: Sequence["_Column"], policy: CachePolicy
    ) -> dict[bytes, Entry]:
        keys = list(dict.fromkeys(key for column in columns for key in column.keys))
        return self._cache.get_many(keys) if keys and policy == "use" else {}

    def _admitted(
        self,
        model: Model,
        prediction: Prediction,
        requests: Sequence[ExplanationRequest],
        kept: Mapping[int, "_Column"],
        found: Mapping[bytes, Entry],
        watch: Watch | None,
    ) -> AbstractContextManager[None]:
        """Ask to be let in where something costly is not in the cache."""
        costly = any(
            is_costly(model, prediction, request)
            for index, request in enumerate(requests)
            if index not in kept or any(key not in found for key in kept[index].keys)
        )
        return self._costly.admitted() if costly and not watch else nullcontext()

    def _complete(
        self,
        column: "_Column",
        entries: dict[bytes, Entry],
        policy: CachePolicy,
        watch: Watch | None,
    ) -> None:
        """Add the entries that are still missing: computed here or by another."""
        missing = [key for key in dict.fromkeys(column.keys) if key not in entries]
        mine, theirs = self._flights.claim(missing)
        try:
            compute = partial(self._compute, column, entries, watch)
            if policy == "use":
                compute_once(self._cache, mine, entries, compute)
            else:  # what others store meanwhile may be what this client has
                compute(mine)
        finally:
            self._flights.land(mine, entries)
        entries |= wait_for(theirs)
        failed = [key for key in missing if key not in entries]
        self._compute(column, entries, watch, failed)

    def _compute(
        self,
        column: "_Column",
        entries: dict[bytes, Entry],
        watch: Watch | None,
        keys: Sequence[bytes],
    ) -> None:
        """Compute the rows of these keys; whatever happens, what is done is kept."""
        computed: dict[bytes, Entry] = {}
        try:
            for rows, results in self._steps(*column.part(keys), watch):
                now = time.time()
                for key, result in zip(keys[rows], results, strict=True):
                    computed[key] = Entry(encode(result), now)
        finally:
            if computed:
                self._cache.set_many(computed)
                entries |= computed

    def _steps(
        self,
        model: Model,
        prediction: Prediction,
        request: ExplanationRequest,
        watch: Watch | None,
    ) -> Iterator[tuple[slice, list[Any]]]:
        """Run one method on every row, in steps of bounded memory and time."""
        costly = is_costly(model, prediction, request)
        run = self._costly.run if costly else _run_here
        for rows in _parts(model, prediction, request):
            part = take(prediction, rows)
            results = run(partial(compute, model, part, request))
            yield rows, results
            if watch is not None:
                watch(len(results))


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

    def part(
        self, keys: Sequence[bytes]
    ) -> tuple[Model, Prediction, ExplanationRequest]:
        """Return what computes the rows of these keys."""
        row_of = {key: row for row, key in enumerate(self.keys)}
        rows = [row_of[key] for key in keys]
        return self._model, take(self._prediction, rows), self._request

    def fragments(self, entries: Mapping[bytes, Entry]) -> list[orjson.Fragment]:
        """Return every row's explanation, encoded."""
        return [orjson.Fragment(entries[key].payload) for key in self.keys]


def _run_here(step: Callable[[], list[Any]]) -> list[Any]:
    return step()


def compute(
    model: Model, prediction: Prediction, request: ExplanationRequest
) -> list[Any]:
    """Run one method on every row, and name the request in what goes wrong."""
    check_deadline()
    try:
        # An extreme input may overflow here; the finiteness check then says so.
        with np.errstate(over="ignore", invalid="ignore"):
            return request.method.explain(model, prediction, request.parameters)
    except ParameterError as error:
        path = request.path + error.path.removeprefix("$")
        raise ParameterError(path, error.problem, error.allowed) from error
    except NonFiniteError as error:
        raise NonFiniteError(f"{request.method.name}: {error}") from error


def _parts(
    model: Model, prediction: Prediction, request: ExplanationRequest
) -> list[slice]:
    """Divide a batch into steps."""
    each = max(1, request.method.rows(model, request.parameters))
    size = max(1, min(MAX_INSTANCES_AT_ONCE, MAX_ROWS_AT_ONCE // each))
    return [slice(at, at + size) for at in range(0, len(prediction), size)]


def take(prediction: Prediction, rows: list[int] | slice) -> Prediction:
    """Return the prediction of some of the rows."""
    return Prediction(
        **{
            name: getattr(prediction, name)[rows]
            for name in prediction.__struct_fields__
        }
    )


def _outcome(
    kept: Collection[_Column], found: dict[bytes, Entry], policy: CachePolicy
) -> Literal["hit", "miss", "bypass"]:
    if not kept or policy != "use":
        return "bypass"
    hit = all(key in found for column in kept for key in column.keys)
    return "hit" if hit else "miss"


def _age_s(found: dict[bytes, Entry]) -> int | None:
    if not found:
        return None
    oldest = min(entry.stored_at for entry in found.values())
    return max(0, int(time.time() - oldest))
