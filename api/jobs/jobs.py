"""The jobs of a server: submitted to a queue, computed by whoever works on it.

huey forgets a message when it hands it out. So that no job dies with its worker, the
worker holds the job for ``HOLD_S`` at a time, and whoever takes a message first puts
another into the queue's schedule, which looks at the job when that time is over. A
job may be computed twice, when its worker was only slow: the answer is the same.
"""

import functools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import msgspec
import redis
import structlog
from huey import Huey
from huey.api import TaskWrapper

from api.errors import RequestError, SettingsError
from api.explaining import Watch
from api.jobs.job import Job, JobRequest, Outcome, Progress
from api.jobs.queue import EXPIRE, WORK, open_queue
from api.jobs.records import Census, JobRecords
from api.problem_document import problem_of
from api.problems import JOBS_UNAVAILABLE, OVERLOADED, TOO_MANY_JOBS
from api.settings import Settings

HOLD_S = 10.0
"""A worker that said nothing for so long is dead; a step takes a fraction of it."""

REPORT_S = 0.5
"""How often a worker says how far it is, and asks whether the job is still wanted."""

MAX_WAITING = 1000
"""Messages in the queue: one for each job, and another one, which makes sure that
somebody has it, for each that has waited for longer than ``HOLD_S``."""

MAX_ATTEMPTS = 3
"""A job that took three workers with it is not tried again."""

RETRY_AFTER_S = 10

Answer: TypeAlias = Callable[[JobRequest, Watch], bytes]
"""Computes a request and returns the ExplainReply as JSON."""

log = structlog.get_logger()


UNREACHABLE = (OSError, sqlite3.Error, redis.RedisError)
"""What a queue raises that is down, or whose disk is full."""


class _Stopping(Exception):
    """The worker is about to stop."""


class _Unwanted(Exception):
    """The job was cancelled, or computed by another."""


class Jobs:
    """Submits, finds, cancels and computes jobs.

    Parameters
    ----------
    answer : computes a job; runs where ``huey``'s consumer runs.
    """

    def __init__(self, settings: Settings, answer: Answer) -> None:
        self._settings = settings
        self._answer = answer
        self._lock = threading.Lock()
        self.stopping = threading.Event()  # set: give back what is begun here
        self.beat: Callable[[], None] = lambda: None  # called while one is computed

    @property
    def huey(self) -> Huey:
        """The queue, opened when it is first needed."""
        with self._lock:
            return self._opened[0]

    @functools.cached_property
    def _opened(self) -> tuple[Huey, JobRecords]:
        huey = open_queue(self._settings)
        self._work = huey.task(name=WORK)(self._do_work)
        self._expire = huey.task(name=EXPIRE)(self._do_expire)
        return huey, JobRecords(huey.storage)

    @property
    def _records(self) -> JobRecords:
        with self._lock:
            return self._opened[1]

    def submit(self, job: str, request: JobRequest) -> Job:
        """Queue a job, unless it is there already; what failed is tried again.

        Raises
        ------
        RequestError
            The queue cannot be reached, or another request took the last place of
            ``check_room``.
        """
        with _reachable():
            known = self.known(job)
            if known is not None:
                return known
            if request.owner and not self._records.take_place(
                request.owner, job, self._settings.jobs_per_key
            ):
                raise self._too_many()
            self._records.clear(job)
            if self._records.create(job, request):
                self._records.open(job, request.expires_at)
                # Whoever submits and cancels without end leaves one message.
                if self._records.queue_once(job, request.expires_at):
                    self._later(self._expire, job, request.expires_at - time.time())
                    self._look_later(job)
                    self._work(job)
                self._records.count("submitted")
            return Job(job, request, Progress(), None)

    def check_room(self, owner: str) -> None:
        """Refuse an owner's further job before anything is done for it.

        Parameters
        ----------
        owner : name of the API key; where none are asked for it is empty, and nobody
            is told from others: the bound of the queue is the only one.

        Raises
        ------
        RequestError
            The owner has as many jobs as it may, the queue is full, or it cannot be
            reached.
        """
        with _reachable():
            if owner and not self._records.has_place(
                owner, self._settings.jobs_per_key
            ):
                raise self._too_many()
            if self.huey.pending_count() >= MAX_WAITING:
                raise RequestError(
                    OVERLOADED,
                    "as many jobs wait as may",
                    headers={"Retry-After": str(RETRY_AFTER_S)},
                )

    def _too_many(self) -> RequestError:
        return RequestError(
            TOO_MANY_JOBS,
            f"{self._settings.jobs_per_key} jobs of this API key have not ended, and "
            "it may have no more: wait until one is done, or cancel one",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )

    def known(self, job: str) -> Job | None:
        """Return a job that need not be submitted: there, and neither failed nor
        cancelled.

        Raises
        ------
        RequestError
            The queue cannot be reached.
        """
        with _reachable():
            found = self._records.read(job)
        is_over = found is None or found.state in ("failed", "cancelled")
        return None if is_over else found

    def find(self, job: str, owner: str) -> Job | None:
        """Return a job that this owner may see; one that got lost is queued again.

        Raises
        ------
        RequestError
            The queue cannot be reached.
        """
        with _reachable():
            found = self._records.read(job)
            if found is None or found.request.owner != owner:
                return None
            age_s = time.time() - max(
                found.request.created_at, found.progress.held_until
            )
            if found.state == "queued" and age_s > HOLD_S and not len(self.huey):
                self._work(job)
            return found

    def cancel(self, job: Job) -> None:
        """End a job that is queued or running; forget one that has ended.

        Raises
        ------
        RequestError
            The queue cannot be reached.
        """
        with _reachable():
            if not self._finish(job.id, Outcome(state="cancelled")):
                self._records.forget(job.id)

    def census(self) -> Census | None:
        """Return how the jobs stand; None where the queue cannot be reached."""
        try:
            return self._records.census()
        except (*UNREACHABLE, SettingsError):
            return None

    def _look_later(self, job: str) -> None:
        self._later(self._work, job, HOLD_S + 1)

    def _later(self, task: TaskWrapper, job: str, delay_s: float) -> None:
        """Put a message into the schedule; huey would have it queue for that."""
        self.huey.add_schedule(task.s(job, delay=delay_s))

    def _do_work(self, job: str) -> None:
        """Compute a job that nobody is at."""
        self._records.leave_queue(job)
        found = self._records.read(job)
        if found is None or found.outcome is not None:
            return
        self._look_later(job)
        if found.is_held:
            return
        if found.progress.attempts:
            self._records.count("requeued")
        holder = _Holder(self._records, found, self.stopping, self.beat)
        try:
            self._finish(job, self._end_of(found, holder))
        except _Stopping:
            holder.let_go()
            self._work(job)
            self._records.count("requeued")
        except _Unwanted:
            pass

    def _finish(self, job: str, outcome: Outcome) -> bool:
        """Write how a job ended; False when it had ended before."""
        is_first = self._records.finish(job, outcome)
        if is_first:
            self._records.count(outcome.state)
        return is_first

    def _end_of(self, job: Job, holder: "_Holder") -> Outcome:
        """Compute a job, or say why that failed."""
        try:
            if job.progress.attempts >= MAX_ATTEMPTS:
                raise RuntimeError(f"{MAX_ATTEMPTS} workers died of job {job.id}")
            body = self._answer(job.request, holder.report)
            return Outcome(state="done", body=msgspec.Raw(body))
        except (_Stopping, _Unwanted, *UNREACHABLE):
            raise  # no fault of the job
        except Exception as error:
            problem = problem_of(error, f"/v1/jobs/{job.id}", job.request.request_id)
            return Outcome(state="failed", body=msgspec.Raw(problem))

    def _do_expire(self, job: str) -> None:
        """Forget a job whose time is over; one that was submitted anew, later."""
        found = self._records.read(job)
        if found is None:
            self._records.forget(job)
        else:
            self._later(self._expire, job, found.request.expires_at - time.time())


class _Holder:
    """Holds a job while it is computed."""

    def __init__(
        self,
        records: JobRecords,
        job: Job,
        stopping: threading.Event,
        beat: Callable[[], None],
    ) -> None:
        self._records = records
        self._job = job.id
        self._attempts = job.progress.attempts + 1
        self._stopping = stopping
        self._beat = beat
        self._done = 0
        self._hold()

    def report(self, finished: int) -> None:
        """Count what is finished; raises where the work shall end here."""
        self._done += finished
        self._beat()
        if self._stopping.is_set():
            raise _Stopping
        if time.monotonic() >= self._next:
            if self._records.is_finished(self._job):
                raise _Unwanted
            self._hold()

    def let_go(self) -> None:
        """Leave the job to another worker; this attempt does not count."""
        self._attempts -= 1
        self._write(held_until=0.0)

    def _hold(self) -> None:
        self._next = time.monotonic() + REPORT_S
        self._write(time.time() + HOLD_S)

    def _write(self, held_until: float) -> None:
        progress = Progress(
            done=self._done, attempts=self._attempts, held_until=held_until
        )
        self._records.proceed(self._job, progress)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (*UNREACHABLE, SettingsError) as error:
        log.error("jobs cannot be kept", error=repr(error))
        raise RequestError(
            JOBS_UNAVAILABLE,
            "the queue of jobs cannot be reached; without `Prefer: respond-async` the "
            "answer is computed at once",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        ) from error
