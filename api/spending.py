"""What a request may spend of its key's quota, priced before any work. Knows no HTTP.

The price is in rows through the network, as that of ``limits``: a predicted instance
is one, an explained one what its methods may send besides. An answer from the cache
costs the same: quotas also bound how fast a model can be copied through its answers.
"""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass

from api.cache import Cache
from api.cache.tiered import TieredCache
from api.errors import RequestError
from api.problems import QUOTA_EXCEEDED, TOO_EXPENSIVE

WINDOW_S = 60


@dataclass(frozen=True)
class Quota:
    """Rows that the key of this name may spend in each minute of the clock."""

    name: str
    rows: int


@dataclass(frozen=True)
class Balance:
    """Rows that are left, and the seconds until there are as many as ever."""

    left: int
    reset_s: int


class Ledger:
    """What every key has spent in this minute: in Redis for all workers, and here.

    Without Redis, or while it does not answer, each process counts for itself.
    """

    def __init__(self, cache: Cache, clock: Callable[[], float] = time.time) -> None:
        self._shared = cache if isinstance(cache, TieredCache) else None
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: dict[tuple[str, int], int] = {}  # by name and minute

    def spend(self, quota: Quota, rows: int) -> Balance:
        """Take rows from a quota.

        Raises
        ------
        RequestError
            It has not that many left (nothing is taken), or never has.
        """
        minute, second = divmod(int(self._clock()), WINDOW_S)
        reset_s = WINDOW_S - second
        if rows > quota.rows:
            raise RequestError(
                TOO_EXPENSIVE,
                f"this request may send {rows} rows through the network; the quota of "
                f"this API key is {quota.rows} a minute: ask for less at once",
            )
        spent = self._add(quota, minute, rows)
        if spent > quota.rows:
            left = max(0, quota.rows - (spent - rows))
            self._add(quota, minute, -rows)
            raise RequestError(
                QUOTA_EXCEEDED,
                f"this request may send {rows} rows through the network; of the "
                f"{quota.rows} a minute of this API key {left} are left; there are "
                f"more in {reset_s} s",
                headers={"Retry-After": str(reset_s)},
            )
        return Balance(quota.rows - spent, reset_s)

    def balance(self, quota: Quota) -> Balance:
        """Return what is left of a quota."""
        return self.spend(quota, 0)

    def _add(self, quota: Quota, minute: int, rows: int) -> int:
        """Return what is spent now: by all, as far as is known here."""
        account = quota.name, minute
        with self._lock:
            # The last minute's is kept: what it gives back may come a little late.
            for old in [one for one in self._spent if one[1] < minute - 1]:
                del self._spent[old]
            here = self._spent[account] = self._spent.get(account, 0) + rows
        if self._shared is None:
            return here
        name = f"quota:{quota.name}:{minute}"
        return max(here, self._shared.add(name, rows, 2 * WINDOW_S) or 0)


Spend = Callable[[int], None]
_current: ContextVar[Spend | None] = ContextVar("spend", default=None)


def begin(spend: Spend) -> Token[Spend | None]:
    """Let ``spend`` pay for what is done from here on; returns what ``end`` takes."""
    return _current.set(spend)


def end(begun: Token[Spend | None]) -> None:
    """Return to who paid before, in the thread that began."""
    _current.reset(begun)


def charge(rows: int) -> None:
    """Charge whoever asks; jobs under way were paid for when they were submitted.

    Raises
    ------
    RequestError
        The quota does not allow it.
    """
    spend = _current.get()
    if spend is not None:
        spend(rows)
