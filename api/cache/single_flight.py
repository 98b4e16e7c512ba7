"""Equal computations at the same time, done once: the others wait for the result."""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from api.cache.interface import Entry
from explainers.deadlines import check_deadline, current_deadline

WAIT_S = 10.0
"""Longer than any priced explanation takes; then the waiter computes for itself."""


class SingleFlight:
    """The keys being computed in this process, each with its future entry.

    Whoever claims a key must ``land`` it; claims are never held while waiting for
    others, so that two requests cannot wait for each other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[bytes, Future[Entry | None]] = {}

    def claim(
        self, keys: Iterable[bytes]
    ) -> tuple[list[bytes], dict[bytes, Future[Entry | None]]]:
        """Return the keys that the caller must compute, and the flights of others."""
        mine: list[bytes] = []
        theirs: dict[bytes, Future[Entry | None]] = {}
        with self._lock:
            for key in keys:
                if (flight := self._flights.get(key)) is None:
                    self._flights[key] = Future()
                    mine.append(key)
                else:
                    theirs[key] = flight
        return mine, theirs

    def land(self, mine: Iterable[bytes], entries: Mapping[bytes, Entry]) -> None:
        """Give the waiters their entries; None for those that failed."""
        with self._lock:
            landed = [(key, self._flights.pop(key)) for key in mine]
        for key, flight in landed:
            flight.set_result(entries.get(key))


def wait_for(flights: Mapping[bytes, Future[Entry | None]]) -> dict[bytes, Entry]:
    """Return what the others computed; keys that failed or took too long are absent.

    Raises
    ------
    DeadlineError
        The deadline of the one who waits has passed.
    """
    entries: dict[bytes, Entry] = {}
    for key, flight in flights.items():
        try:
            entry = flight.result(timeout=_patience_s())
        except TimeoutError:
            check_deadline()
            continue
        if entry is not None:
            entries[key] = entry
    return entries


def _patience_s() -> float:
    deadline = current_deadline()
    return WAIT_S if deadline is None else max(0.0, min(WAIT_S, deadline.remaining_s))
