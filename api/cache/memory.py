"""The cache inside a worker process, bounded by bytes."""

import threading
import time
from collections.abc import Mapping, Sequence

from cachetools import TLRUCache

from api.cache.interface import Entry, Observe, jittered_ttl_s

OVERHEAD_BYTES = 400
"""Of one entry beside its payload: key, objects, links (measured: 380 to 410)."""


class MemoryCache:
    """Least recently used entries go first when ``capacity_bytes`` is reached."""

    def __init__(self, capacity_bytes: int, observe: Observe) -> None:
        self._observe = observe
        self._lock = threading.Lock()
        self._entries: TLRUCache[bytes, Entry] = TLRUCache(
            maxsize=capacity_bytes,
            ttu=lambda key, entry, now: now + jittered_ttl_s(),
            timer=time.monotonic,
            getsizeof=lambda entry: len(entry.payload) + OVERHEAD_BYTES,
        )

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the entries that are present."""
        with self._lock:
            found = {
                key: entry
                for key in keys
                if (entry := self._entries.get(key)) is not None
            }
        self._observe("memory", "hit", len(found))
        self._observe("memory", "miss", len(keys) - len(found))
        return found

    def set_many(self, entries: Mapping[bytes, Entry]) -> None:
        """Keep the entries that fit."""
        with self._lock:
            for key, entry in entries.items():
                if len(entry.payload) + OVERHEAD_BYTES <= self._entries.maxsize:
                    self._entries[key] = entry
        self._observe("memory", "stored", len(entries))
