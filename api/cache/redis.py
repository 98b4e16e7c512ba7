"""The cache that all workers and machines share. Redis may fail in any way at any time:
the answer is then computed, and the failure counted.
"""

from collections.abc import Mapping, Sequence

import redis
import structlog
from redis.client import Pipeline

from api.cache.breaker import Breaker
from api.cache.envelope import seal, unseal
from api.cache.interface import Entry, Observe, jittered_ttl_s
from api.redis_client import open_client

PREFIX = b"leafpath:1:"
TIMEOUT_S = 0.1
"""For connecting and for every answer; one request in ``Breaker.PAUSE_S`` pays it."""

FLIGHT_MS = 10_000
"""How long others wait for a process that said that it computes; it may have died."""

log = structlog.get_logger()


class RedisCache:
    """Entries in Redis under ``PREFIX`` and the key, sealed in an envelope."""

    def __init__(
        self,
        url: str,
        observe: Observe,
        secret: bytes | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._observe = observe
        self._secret = secret
        self._breaker = breaker or Breaker()
        self._client = open_client(url, TIMEOUT_S)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the entries that are present and intact."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(_name(key))
        values = self._execute(pipeline, len(keys))
        found: dict[bytes, Entry] = {}
        corrupt = 0
        for key, value in zip(keys, values, strict=False):
            if isinstance(value, bytes) and (entry := unseal(key, value, self._secret)):
                found[key] = entry
            elif value is not None:  # foreign bytes, or an error such as WRONGTYPE
                corrupt += 1
        self._observe("redis", "hit", len(found))
        self._observe("redis", "corrupt", corrupt)
        self._observe("redis", "miss", len(values) - len(found) - corrupt)
        return found

    def set_many(self, entries: Mapping[bytes, Entry]) -> None:
        """Store the entries, each with its own time to live."""
        pipeline = self._client.pipeline(transaction=False)
        for key, entry in entries.items():
            value = seal(key, entry, self._secret)
            pipeline.set(_name(key), value, px=int(jittered_ttl_s() * 1000))
        outcomes = self._execute(pipeline, len(entries))
        stored = sum(outcome is True for outcome in outcomes)
        self._observe("redis", "stored", stored)
        self._observe("redis", "error", len(outcomes) - stored)

    def claim(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that nobody else computes; all of them without Redis."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.set(_flight(key), b"", nx=True, px=FLIGHT_MS)
        outcomes = self._execute(pipeline, len(keys))
        if not outcomes:
            return set(keys)
        # None is the answer of SET NX to the second; an error is no reason to wait.
        return {k for k, out in zip(keys, outcomes, strict=True) if out is not None}

    def release(self, keys: Sequence[bytes]) -> None:
        """Let others compute what was claimed, where it is not in the cache now."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.delete(_flight(key))
        self._execute(pipeline, len(keys))

    def add(self, name: str, amount: int, ttl_s: int) -> int | None:
        """Add to a counter; its new value, None without Redis."""
        counter = PREFIX + name.encode()
        pipeline = self._client.pipeline(transaction=False)
        pipeline.set(counter, 0, ex=ttl_s, nx=True)
        pipeline.incrby(counter, amount)
        outcomes = self._execute(pipeline, 1)
        value = outcomes[-1] if outcomes else None
        return value if isinstance(value, int) else None

    def _execute(self, pipeline: Pipeline, count: int) -> list[object]:
        """Return the outcomes, errors of single commands among them; [] on failure."""
        if not self._breaker.allows():
            self._observe("redis", "skipped", count)
            return []
        try:
            outcomes: list[object] = pipeline.execute(raise_on_error=False)
        except (redis.RedisError, OSError) as error:
            self._breaker.failed()
            self._observe("redis", "error", count)
            log.warning("redis cache failed", error=type(error).__name__)
            return []
        self._breaker.succeeded()
        return outcomes


def _flight(key: bytes) -> bytes:
    return _name(key) + b":flight"


def _name(key: bytes) -> bytes:
    return PREFIX + key.hex().encode()
