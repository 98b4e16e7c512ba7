"""A circuit breaker: while the far side is broken, one caller in a while tries it."""

import threading
import time
from collections.abc import Callable

PAUSE_S = 5.0


class Breaker:
    """Closed until something fails; then open, but for one trial every ``pause_s``."""

    def __init__(
        self, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next_trial: float | None = None

    def allows(self) -> bool:
        """Whether the caller may try; when open, says so to one caller a pause."""
        if self._next_trial is None:
            return True
        with self._lock:
            now = self._clock()
            if self._next_trial is None or now < self._next_trial:
                return self._next_trial is None
            # The caller is the trial; the others wait for its outcome.
            self._next_trial = now + self._pause_s
            return True

    def succeeded(self) -> None:
        """Close: the far side answers."""
        self._next_trial = None

    def failed(self) -> None:
        """Open: the far side does not answer."""
        with self._lock:
            self._next_trial = self._clock() + self._pause_s
