"""Who computes jobs: a thread in each worker of the server, or a process of its own."""

import datetime
import signal
from collections.abc import Callable

import structlog
from flask import Flask
from huey.consumer import Consumer, Worker

from api.app import create_app
from api.jobs.heartbeat import Heartbeat
from api.jobs.jobs import UNREACHABLE, Jobs
from api.service import EXTENSION, Service

POLL_S = 0.5
"""How often an idle worker looks into the file of jobs."""

log = structlog.get_logger()


class EmbeddedConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer beside a server: the signals are the server's."""

    def _set_signal_handlers(self) -> None:
        pass


class BeatingWorker(Worker):  # type: ignore[misc]
    """huey's thread that computes; each turn of it can be seen from outside."""

    beat: Callable[[], None]

    def loop(self, now: datetime.datetime | None = None) -> None:
        """Take one message, if there is one, and do what it says."""
        self.beat()
        super().loop(now)


class WorkerConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer as a process; what ends a server's worker ends it too."""

    worker_class = BeatingWorker

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        super().__init__(
            jobs.huey, periodic=False, max_delay=POLL_S, graceful_signal="TERM"
        )

    def _create_worker(self) -> Worker:
        worker = super()._create_worker()
        worker.beat = self._jobs.beat
        return worker

    def _set_signal_handlers(self) -> None:
        self._signal_actions[signal.SIGHUP] = (False, True)
        super()._set_signal_handlers()

    def stop(self, graceful: bool = False) -> None:
        """Stop; what is begun goes back into the queue."""
        self._jobs.stopping.set()
        super().stop(graceful)


def start_beside(app: Flask) -> Consumer | None:
    """Compute jobs in threads of this process; None where they cannot be kept."""
    jobs = _service_of(app).jobs
    try:
        consumer = EmbeddedConsumer(jobs.huey, periodic=False, max_delay=POLL_S)
    except UNREACHABLE as error:
        log.error("jobs cannot be kept", error=repr(error))
        return None
    consumer.start()
    return consumer


def stop_beside(app: Flask, consumer: Consumer) -> None:
    """Give back what is being computed, and wait for the threads to end."""
    _service_of(app).jobs.stopping.set()
    consumer.stop(graceful=True)


def main() -> None:
    """Compute jobs until a signal comes."""
    jobs = _service_of(create_app()).jobs
    heartbeat = Heartbeat()
    jobs.beat = heartbeat.beat
    try:
        WorkerConsumer(jobs).run()
    finally:
        heartbeat.stop()


def _service_of(app: Flask) -> Service:
    found: Service = app.extensions[EXTENSION]
    return found


if __name__ == "__main__":
    main()
