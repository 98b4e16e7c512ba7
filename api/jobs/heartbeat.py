"""A file that `leafpath work`, which listens nowhere, touches while it can compute.

It says nothing of the queue: a process that waits for a Redis that is down is well.
"""

import os
import time
from pathlib import Path

import structlog

from api.errors import SettingsError
from api.jobs.queue import own_directory

EVERY_S = 5.0
"""Between two touches: a probe looks a minute back (deploy/compose.yaml)."""

log = structlog.get_logger()


class Heartbeat:
    """Touches the file ``worker-PID`` in the user's own directory below TMPDIR."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._next = 0.0
        try:
            self._path = own_directory() / f"worker-{os.getpid()}"
        except (OSError, SettingsError) as error:
            log.error("no heartbeat", error=repr(error))

    def beat(self) -> None:
        """Touch the file; where that fails, the probe will say so."""
        now = time.monotonic()
        if self._path is None or now < self._next:
            return
        self._next = now + EVERY_S
        try:
            self._path.touch()
        except OSError as error:
            log.error("no heartbeat", error=repr(error))

    def stop(self) -> None:
        """Remove the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
