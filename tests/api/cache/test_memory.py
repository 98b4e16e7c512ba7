"""The cache in memory forgets what does not fit."""

import time

from api.cache.interface import Entry
from api.cache.memory import OVERHEAD_BYTES, MemoryCache


def ignore(*event):
    pass


def entry(size: int) -> Entry:
    return Entry(b"x" * size, time.time())


def test_capacity_in_bytes_is_kept_and_the_least_used_go_first():
    cache = MemoryCache(10 * (OVERHEAD_BYTES + 100), ignore)
    for number in range(30):
        cache.get_many([b"0"])
        cache.set_many({str(number).encode(): entry(100)})
    kept = cache.get_many([str(number).encode() for number in range(30)])
    assert len(kept) == 10
    assert {b"0", b"29"} <= set(kept)


def test_entry_larger_than_the_cache_is_not_kept():
    cache = MemoryCache(1000, ignore)
    cache.set_many({b"small": entry(10), b"large": entry(1000)})
    assert set(cache.get_many([b"small", b"large"])) == {b"small"}


def test_what_happened_is_counted():
    events = []
    cache = MemoryCache(10_000, lambda *event: events.append(event))
    cache.set_many({b"a": entry(1)})
    cache.get_many([b"a", b"b", b"c"])
    assert events == [
        ("memory", "stored", 1),
        ("memory", "hit", 1),
        ("memory", "miss", 2),
    ]
