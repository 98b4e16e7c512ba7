"""Two caches as one: the near one is asked first and learns from the far one."""

from collections.abc import Mapping, Sequence

from api.cache.interface import Cache, Entry, SharedCache


class TieredCache:
    """``near`` (this worker's memory) before ``far`` (Redis, shared by all)."""

    def __init__(self, near: Cache, far: SharedCache) -> None:
        self._near = near
        self._far = far

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return what either tier has."""
        found = self._near.get_many(keys)
        missing = [key for key in keys if key not in found]
        if missing and (fetched := self._far.get_many(missing)):
            self._near.set_many(fetched)
            found |= fetched
        return found

    def set_many(self, entries: Mapping[bytes, Entry]) -> None:
        """Keep the entries in both tiers."""
        self._near.set_many(entries)
        self._far.set_many(entries)

    def claim(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that no other process computes."""
        return self._far.claim(keys)

    def release(self, keys: Sequence[bytes]) -> None:
        """Give up what was claimed."""
        self._far.release(keys)

    def add(self, name: str, amount: int, ttl_s: int) -> int | None:
        """Add to a counter in the far tier."""
        return self._far.add(name, amount, ttl_s)
