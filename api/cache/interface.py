"""What a cache is: bytes by key, never trusted, never needed for an answer."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

CacheEvent: TypeAlias = Literal["hit", "miss", "stored", "error", "corrupt", "skipped"]
"""``corrupt``: not what was stored. ``skipped``: the breaker is open."""

Observe: TypeAlias = Callable[[str, CacheEvent, int], None]
"""Called with the tier (``memory``, ``redis``), what happened, and how often."""

TTL_S = 24 * 3600.0
"""Values never become wrong (their key holds the bundle's digest); this frees space."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One encoded explanation, and when it was computed (seconds since 1970)."""

    payload: bytes
    stored_at: float


class Cache(Protocol):
    """A store that may forget anything at any time, and never raises."""

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the entries that are present and intact; the others are misses."""

    def set_many(self, entries: Mapping[bytes, Entry]) -> None:
        """Keep the entries for a while, if that is possible."""


class SharedCache(Cache, Protocol):
    """A cache that several processes share, so that one can compute for all."""

    def claim(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that the caller shall compute; others are at the rest."""

    def release(self, keys: Sequence[bytes]) -> None:
        """Give up what was claimed, computed or not."""

    def add(self, name: str, amount: int, ttl_s: int) -> int | None:
        """Add to a counter that all share; its new value, None where it is not known.

        ``ttl_s`` after it was first added to, it is forgotten.
        """


class NullCache:
    """The cache that keeps nothing."""

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return nothing."""
        return {}

    def set_many(self, entries: Mapping[bytes, Entry]) -> None:
        """Keep nothing."""


def jittered_ttl_s() -> float:
    """Return the time to live, +- 10 %: what came together must not expire together."""
    return TTL_S * random.uniform(0.9, 1.1)
