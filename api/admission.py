"""Which costly work goes on in this process: one step at a time, and few requests wait.

Prediction never stands in this queue. It only needs a thread of the server, and there
is always one left that no costly request holds.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from api.errors import RequestError
from api.problems import OVERLOADED
from explainers.deadlines import current_deadline

T = TypeVar("T")

RETRY_AFTER_S = 1
"""The dearest request takes about that long when nothing else is computed."""

NICENESS = 10
"""Priority of costly work: a tenth of the processor's time where predictions want it.
With both cores computing LIME this made the slowest predictions 4 times as fast."""


class CostlyWork:
    """The costly work of one process: one thread of low priority, and who may use it.

    Parameters
    ----------
    requests : how many requests may be computing or waiting at once.
    """

    def __init__(self, requests: int) -> None:
        self._free = threading.Semaphore(requests)
        self._thread = ThreadPoolExecutor(1, "costly", initializer=_give_way)

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Let a request in, or refuse it at once.

        Raises
        ------
        RequestError
            As many as may be are computing or waiting already.
        """
        if not self._free.acquire(blocking=False):
            raise RequestError(
                OVERLOADED,
                "this worker computes as many costly explanations as it may",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        try:
            yield
        finally:
            self._free.release()

    def run(self, step: Callable[[], T]) -> T:
        """Run one step, after those of others who asked before.

        Raises
        ------
        DeadlineError
            The deadline passed. A step that waits is not begun, and one under way ends
            by itself when it next looks at the deadline: nobody waits for it.
        """
        deadline = current_deadline()
        future = self._thread.submit(copy_context().run, step)
        if deadline is None:
            return future.result()
        wait([future], max(0.0, deadline.remaining_s))
        if not future.done():
            future.cancel()
            raise deadline.error()
        return future.result()


def _give_way() -> None:
    """Lower the priority of this thread alone, which Linux can do."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
