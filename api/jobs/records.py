"""Jobs as they are kept beside huey's queue: three JSON values each, and counters.

Each value has one kind of writer, so that nobody overwrites another's: the request is
written once by who submits, the progress by who computes, and of all that would write
the outcome (a result, a failure, a cancellation) the first one wins.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import structlog
from huey.constants import EmptyData
from huey.storage import BaseStorage

from api.jobs.job import Job, JobRequest, Outcome, Progress
from api.jobs.queue import NOT_OURS, waiting_jobs

T = TypeVar("T")

log = structlog.get_logger()

EVENTS = ("submitted", "done", "failed", "cancelled", "requeued")
"""What is counted. ``requeued``: to be begun once more, since a worker died or was
stopped."""

LOCK_S = 10.0
"""Who has locked a place for so long has died: it takes some milliseconds."""


@dataclass(frozen=True)
class Census:
    """How the jobs stand: events so far, and those that have not ended.

    ``oldest_s`` is how long the first in the queue has waited, in seconds.
    """

    counted: Mapping[str, int]
    queued: int
    running: int
    oldest_s: float


class JobRecords:
    """The jobs in a storage of huey's."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage

    def read(self, job: str) -> Job | None:
        """Return what is known of a job; None when there is none any more."""
        request = self._get(f"{job}:request", JobRequest)
        if request is None:
            return None
        progress = self._get(f"{job}:progress", Progress) or Progress()
        found = Job(job, request, progress, self._get(f"{job}:outcome", Outcome))
        return None if found.is_expired else found

    def create(self, job: str, request: JobRequest) -> bool:
        """Keep a request; False when that job exists."""
        return self._put_once(f"{job}:request", request)

    def has_place(self, owner: str, most: int) -> bool:
        """Whether an owner has fewer jobs that go on than it may."""
        places = self._places(owner, most)
        return any(map(self._is_free, places.values()))

    def take_place(self, owner: str, job: str, most: int) -> bool:
        """Give a job, which has been created, one of its owner's places; False where
        jobs that go on have them all.

        Places need not be given back: that of a job which has ended, however that
        happened, is free. So nothing that dies takes one with it.
        """
        places, own = self._places(owner, most), job.encode()
        # A job that is tried again goes where it was.
        return any(
            (places[place] == own or self._is_free(places[place]))
            and self._take(place, own)
            for place in sorted(places, key=lambda place: places[place] != own)
        )

    def _places(self, owner: str, most: int) -> dict[str, bytes | None]:
        """Return the places of an owner, each with the job that had it last."""
        names = [f"place:{owner}:{number}" for number in range(most)]
        holders = self._storage.peek_many(names)
        return {name: holders.get(name) for name in names}

    def _is_free(self, holder: bytes | None) -> bool:
        return holder is None or self.is_finished(holder.decode())

    def _take(self, place: str, job: bytes) -> bool:
        """Take a place, unless another request is about to or has."""
        lock = f"{place}:lock"
        if not self._storage.put_if_empty(lock, msgspec.json.encode(time.time())):
            since = self._get(lock, float)
            if since is not None and time.time() - since > LOCK_S:
                self._storage.delete_data(lock)  # for the next one that asks
            return False
        try:
            holder = self._storage.peek_many([place]).get(place)
            is_ours = holder == job or self._is_free(holder)
            if is_ours:
                self._storage.put_data(place, job)
            return is_ours
        finally:
            self._storage.delete_data(lock)

    def proceed(self, job: str, progress: Progress) -> None:
        """Say how far a job is, and how long its holder holds it."""
        self._storage.put_data(f"{job}:progress", msgspec.json.encode(progress))

    def finish(self, job: str, outcome: Outcome) -> bool:
        """Write how a job ended; False when it had ended before."""
        return self._put_once(f"{job}:outcome", outcome)

    def is_finished(self, job: str) -> bool:
        """Whether a job has ended, or is not wanted any more."""
        has = self._storage.has_data_for_key
        return has(f"{job}:outcome") or not has(f"{job}:request")

    def forget(self, job: str) -> None:
        """Delete all that is known of a job."""
        for part in ("request", "progress", "outcome"):
            self._storage.delete_data(f"{job}:{part}")

    def count(self, event: str) -> None:
        """Count one of ``EVENTS``."""
        self._storage.incr(event)

    def census(self) -> Census:
        """Return how the jobs stand."""
        open_jobs = [j for j in waiting_jobs(self._storage) if not self.is_finished(j)]
        held = [self._held_until(job) > time.time() for job in open_jobs]
        queued = [
            job for job, is_held in zip(open_jobs, held, strict=True) if not is_held
        ]
        return Census(
            counted={event: self._storage.incr(event, 0) for event in EVENTS},
            queued=len(queued),
            running=sum(held),
            oldest_s=self._age_s(queued[0]) if queued else 0.0,
        )

    def _held_until(self, job: str) -> float:
        progress = self._get(f"{job}:progress", Progress)
        return 0.0 if progress is None else progress.held_until

    def _age_s(self, job: str) -> float:
        request = self._get(f"{job}:request", JobRequest)
        return 0.0 if request is None else max(0.0, time.time() - request.created_at)

    def _get(self, key: str, kind: type[T]) -> T | None:
        """Return a value; None where there is none, or one that is not ours."""
        value = self._storage.peek_data(key)
        if value is EmptyData:
            return None
        try:
            return msgspec.json.decode(value, type=kind)
        except NOT_OURS:
            log.warning("not a record of a job", key=key)
            return None

    def _put_once(self, key: str, value: msgspec.Struct) -> bool:
        return bool(self._storage.put_if_empty(key, msgspec.json.encode(value)))
