"""Jobs as they are kept beside huey's queue: three JSON values each, and counters.

Each value has one kind of writer, so that nobody overwrites another's: the request is
written once by who submits, the progress by who computes, and of all that would write
the outcome (a result, a failure, a cancellation) the first one wins.
"""

import time
from collections.abc import Iterable, Mapping
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
"""Who has locked a place for so long, or has taken it without creating a job, has died:
both take some milliseconds."""


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
        """Whether an owner has fewer jobs that go on or wait than it may."""
        places = self._places(owner, most)
        return len(self._taking(places.values())) < most

    def take_place(self, owner: str, job: str, most: int) -> bool:
        """Give a job, which is about to be created, one of its owner's places; False
        where others have them all. ``open`` keeps it for longer than ``LOCK_S``.

        Places need not be given back: that of a job which has ended, however that
        happened, is free. So nothing that dies takes one with it.
        """
        places = self._places(owner, most)
        taking = self._taking(places.values())
        # A job that is tried again goes where it was.
        return any(
            (holder == job or holder not in taking) and self._take(place, job)
            for place, holder in sorted(places.items(), key=lambda one: one[1] != job)
        )

    def open(self, job: str, until: float) -> None:
        """Let a job keep its place: until it ends, and at the longest until then."""
        self._storage.put_data(f"{job}:open", msgspec.json.encode(until))

    def queue_once(self, job: str, until: float) -> bool:
        """Say that a message of a job waits, at the longest until then; False where
        one does already.
        """
        if not self._put_once(f"{job}:waits", until):
            waits_until = self._get(f"{job}:waits", float)
            if waits_until is not None and waits_until > time.time():
                return False
            self._storage.put_data(f"{job}:waits", msgspec.json.encode(until))
        return True

    def leave_queue(self, job: str) -> None:
        """Say that the message was taken out of the queue."""
        self._storage.delete_data(f"{job}:waits")

    def _places(self, owner: str, most: int) -> dict[str, str | None]:
        """Return the places of an owner, each with the job that had it last."""
        names = [f"place:{owner}:{number}" for number in range(most)]
        holders = self._storage.peek_many(names)
        return {
            name: holders[name].decode() if name in holders else None for name in names
        }

    def _taking(self, holders: Iterable[str | None]) -> set[str]:
        """Return those that take their place: jobs that go on, and those that were
        cancelled but whose message still waits in the queue.
        """
        jobs = [job for job in holders if job is not None]
        keys = [f"{job}:{part}" for job in jobs for part in ("open", "waits")]
        found = self._storage.peek_many(keys) if keys else {}
        now = time.time()
        return {key.partition(":")[0] for key in found if _number(found[key]) > now}

    def _take(self, place: str, job: str) -> bool:
        """Take a place, unless another request is about to or has."""
        lock = f"{place}:lock"
        if not self._put_once(lock, time.time()):
            since = self._get(lock, float)
            if since is not None and time.time() - since > LOCK_S:
                self._storage.delete_data(lock)  # for the next one that asks
            return False
        try:
            raw = self._storage.peek_many([place]).get(place)
            holder = None if raw is None else raw.decode()
            taking = self._taking([holder, job])
            if holder != job and holder in taking:
                return False
            if job not in taking:  # a twin may hold it for longer
                self.open(job, time.time() + LOCK_S)
            self._storage.put_data(place, job.encode())
            return True
        finally:
            self._storage.delete_data(lock)

    def proceed(self, job: str, progress: Progress) -> None:
        """Say how far a job is, and how long its holder holds it."""
        self._storage.put_data(f"{job}:progress", msgspec.json.encode(progress))

    def finish(self, job: str, outcome: Outcome) -> bool:
        """Write how a job ended; False when it had ended before."""
        is_first = self._put_once(f"{job}:outcome", outcome)
        if is_first:
            self._storage.delete_data(f"{job}:open")
        return is_first

    def is_finished(self, job: str) -> bool:
        """Whether a job has ended, or is not wanted any more."""
        has = self._storage.has_data_for_key
        return has(f"{job}:outcome") or not has(f"{job}:request")

    def forget(self, job: str) -> None:
        """Delete all that is known of a job."""
        self.clear(job)
        self._storage.delete_data(f"{job}:open")

    def clear(self, job: str) -> None:
        """Delete what was known of a job that is tried again; it has its place."""
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

    def _put_once(self, key: str, value: msgspec.Struct | float) -> bool:
        return bool(self._storage.put_if_empty(key, msgspec.json.encode(value)))


def _number(value: bytes) -> float:
    """Read a time; one that is not ours is long over."""
    try:
        return msgspec.json.decode(value, type=float)
    except NOT_OURS:
        return 0.0
