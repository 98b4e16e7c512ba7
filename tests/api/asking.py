"""Clients that ask without a pause while something is done to the server."""

import threading
from collections.abc import Callable
from typing import Any


class Asking:
    """Threads that ask from the start of a ``with`` block to its end.

    Parameters
    ----------
    ask : asks once; what it returns is kept, in order, in ``answers``. What it raises
        ends its client, and is raised at the end of the block.
    """

    def __init__(self, ask: Callable[[], Any], clients: int = 2) -> None:
        self.answers: list[Any] = []
        self._ask = ask
        self._failed: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.answers.append(self._ask())
        except Exception as error:
            self._failed.append(error)
