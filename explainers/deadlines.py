"""How long the work under way may take: whoever works in steps asks between them."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar, Token

from explainers.errors import DeadlineError


class Deadline:
    """A moment, ``seconds`` from now, after which no work may be done."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining_s(self) -> float:
        """Seconds that are left; negative when it has passed."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raise DeadlineError when the moment has passed."""
        if self.remaining_s <= 0:
            raise self.error()

    def error(self) -> DeadlineError:
        """Return the error that says that the moment has passed."""
        return DeadlineError(f"no answer within {self._seconds:g} s")


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current_deadline() -> Deadline | None:
    """Return the deadline of the work under way in this thread; None for none."""
    return _current.get()


def check_deadline() -> None:
    """Raise DeadlineError when the deadline of the work under way has passed."""
    deadline = _current.get()
    if deadline is not None:
        deadline.check()


def begin(deadline: Deadline | None) -> Token[Deadline | None]:
    """Set the deadline of what is done from here on; returns what ``end`` takes."""
    return _current.set(deadline)


def end(begun: Token[Deadline | None]) -> None:
    """Return to the deadline before, in the thread that began."""
    _current.reset(begun)


@contextlib.contextmanager
def within(deadline: Deadline | None) -> Iterator[None]:
    """Set the deadline of what is done inside the block."""
    begun = begin(deadline)
    try:
        yield
    finally:
        end(begun)
