"""Equal computations in several processes, done once: the others wait for the cache."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from api.cache.interface import Cache, Entry, SharedCache
from api.cache.redis import FLIGHT_MS
from api.cache.tiered import TieredCache
from explainers.deadlines import check_deadline

POLL_S = 0.02
PATIENCE_S = 2 * FLIGHT_MS / 1000
"""How long others are waited for. A claim lapses by itself; a value that somebody else
put in its place need not, and nobody may be kept waiting by it."""


def compute_once(
    cache: Cache,
    keys: Sequence[bytes],
    entries: dict[bytes, Entry],
    compute: Callable[[Sequence[bytes]], None],
) -> None:
    """Add the entries of all keys: computed here, or by another process meanwhile.

    Parameters
    ----------
    compute : adds the entries of some keys, to ``entries`` and to the cache.

    Raises
    ------
    DeadlineError
        The deadline passed while another computed.
    """
    if not isinstance(cache, TieredCache):
        compute(keys)
        return
    patience_ends = time.monotonic() + PATIENCE_S
    while keys:
        if time.monotonic() > patience_ends:
            compute(keys)
            return
        with _claimed(cache, keys) as mine:
            if mine:
                compute([key for key in keys if key in mine])
        keys = [key for key in keys if key not in mine]
        if keys:
            check_deadline()
            time.sleep(POLL_S)
            entries |= cache.get_many(keys)
            keys = [key for key in keys if key not in entries]


@contextmanager
def _claimed(cache: SharedCache, keys: Sequence[bytes]) -> Iterator[set[bytes]]:
    mine = cache.claim(keys)
    try:
        yield mine
    finally:
        if mine:
            cache.release([key for key in keys if key in mine])
