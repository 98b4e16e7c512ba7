"""Redis burns in every way, and each answer is still the one without a cache."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import redis

from api.cache.redis import PREFIX, TIMEOUT_S
from tests.api.asking import Asking
from tests.api.processes import Redis, Server, free_port, wait_until
from tests.chaos.figure import Figure, NoFire
from tests.chaos.site import EXPLAIN, Site, counted

CLIENTS = 4


@dataclass(frozen=True)
class Fire:
    """Something that is wrong with Redis while the block lasts.

    Parameters
    ----------
    event : what the server counts when it meets the fire.
    """

    lit: Callable[[Redis, redis.Redis], contextlib.AbstractContextManager[None]]
    event: str


@contextlib.contextmanager
def _again_and_again(
    act: Callable[[], object], rest_s: float = 0.002
) -> Iterator[None]:
    """Act before the block and, in a thread of its own, for as long as it lasts."""

    def again() -> None:
        act()
        time.sleep(rest_s)

    act()
    with Asking(again, clients=1):
        yield


@contextlib.contextmanager
def _configured(
    plain: redis.Redis, name: str, value: str, usual: str
) -> Iterator[None]:
    plain.config_set(name, value)
    try:
        yield
    finally:
        plain.config_set(name, usual)


def _values(plain: redis.Redis) -> dict[bytes, bytes]:
    """What is cached now, without the claims of those who compute."""
    keys = [k for k in plain.keys(PREFIX + b"*") if not k.endswith(b":flight")]
    values = plain.mget(keys) if keys else []  # None for a list
    return {k: v for k, v in zip(keys, values, strict=True) if v}


SHORTEST = 100
"""Bytes of a value of which there is something to spoil."""

SPOILERS = (
    lambda v: b"\x80\x04}.",  # a pickle
    lambda v: v[:-1],
    lambda v: v[: len(v) // 2],
    lambda v: v + b"\0",
    lambda v: bytes([v[0] + 1]) + v[1:],  # another version
    lambda v: v[:20] + bytes([v[20] ^ 1]) + v[21:],  # a bit of the tag
    lambda v: v[:-5] + bytes([v[-5] ^ 1]) + v[-4:],  # a bit of the answer
    lambda v: v.replace(b"0.", b"1.", 1),
    lambda v: b"",
)


@contextlib.contextmanager
def _down(server: Redis, plain: redis.Redis) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:  # another at the same address, empty
        server.start_anew()


@contextlib.contextmanager
def _paused(server: Redis, plain: redis.Redis) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def _slow(
    seconds: float,
) -> Callable[[Redis, redis.Redis], contextlib.AbstractContextManager[None]]:
    """Answers come that late, in bursts.

    The next pause is asked for when this one is over: asked for sooner it would be
    first in the queue of those who wait, and nobody else would ever be answered.
    """

    def lit(
        server: Redis, plain: redis.Redis
    ) -> contextlib.AbstractContextManager[None]:
        return _again_and_again(
            lambda: plain.execute_command("CLIENT", "PAUSE", int(1000 * seconds)),
            rest_s=1.1 * seconds,
        )

    return lit


def _poisoned(
    server: Redis, plain: redis.Redis
) -> contextlib.AbstractContextManager[None]:
    spoilers = itertools.cycle(SPOILERS)

    def spoil() -> None:
        for key, value in _values(plain).items():
            if len(value) > SHORTEST:
                plain.set(key, next(spoilers)(value))

    return _again_and_again(spoil)


def _swapped(
    server: Redis, plain: redis.Redis
) -> contextlib.AbstractContextManager[None]:
    def swap() -> None:
        values = _values(plain)
        others = list(values.values())
        for key, other in zip(values, others[1:] + others[:1], strict=True):
            plain.set(key, other)

    return _again_and_again(swap)


def _of_another_type(
    server: Redis, plain: redis.Redis
) -> contextlib.AbstractContextManager[None]:
    def turn() -> None:
        for key in _values(plain):
            with plain.pipeline() as both:
                both.delete(key).rpush(key, "a list").execute()

    return _again_and_again(turn)


def _flushed(
    server: Redis, plain: redis.Redis
) -> contextlib.AbstractContextManager[None]:
    return _again_and_again(plain.flushall)


def _full(server: Redis, plain: redis.Redis) -> contextlib.AbstractContextManager[None]:
    plain.flushall()  # nothing is left to hit
    return _configured(plain, "maxmemory", "1", "0")


@contextlib.contextmanager
def _demoted(server: Redis, plain: redis.Redis) -> Iterator[None]:
    """A fail-over has made it a replica, whose master is gone: it takes no writes."""
    plain.flushall()
    plain.replicaof("127.0.0.1", free_port())
    try:
        yield
    finally:
        plain.replicaof("NO", "ONE")


@contextlib.contextmanager
def _crowded(server: Redis, plain: redis.Redis) -> Iterator[None]:
    """Its connections are closed, and it takes no new ones."""
    with _configured(plain, "maxclients", "1", "10000"):
        plain.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        yield


@contextlib.contextmanager
def _locked(server: Redis, plain: redis.Redis) -> Iterator[None]:
    """Its password was changed, and every connection closed."""
    with _configured(plain, "requirepass", "another", ""):
        plain.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        yield


FIRES: Mapping[str, Fire] = {
    "flushed": Fire(_flushed, "miss"),
    "poisoned": Fire(_poisoned, "corrupt"),
    "swapped": Fire(_swapped, "corrupt"),
    "of another type": Fire(_of_another_type, "corrupt"),
    "out of memory": Fire(_full, "error"),
    "demoted to a replica": Fire(_demoted, "error"),
    "slow, within the timeout": Fire(_slow(0.5 * TIMEOUT_S), "hit"),
    "slow, beyond the timeout": Fire(_slow(1.5 * TIMEOUT_S), "error"),
    "paused": Fire(_paused, "error"),
    "down, then started anew": Fire(_down, "error"),
    "out of connections": Fire(_crowded, "error"),
    "of another password": Fire(_locked, "error"),
}
FIRES_THAT_OPEN_NO_BREAKER = 6
"""The first ones; after each of the others a worker waits ``PAUSE_S`` to try again."""


class _Asking:
    """Asks one server the same questions, by several clients, and compares."""

    def __init__(self, site: Site, server: Server, clients: ThreadPoolExecutor) -> None:
        asked = ["integrated_gradients", {"method": "smoothgrad"}]
        self._bodies = [
            {"instances": [row], "explanations": asked} for row in site.instances[:8]
        ]
        self._expected = site.expected((EXPLAIN, body) for body in self._bodies)
        if len(set(self._expected)) < len(self._bodies):
            raise NoFire("a swap of equal answers would show nothing")
        self._server, self._clients = server, clients
        self.outcomes: list[str] = []

    def ask_all(self, times: int) -> set[str]:
        """Ask every question that often; what came, see ``_ask``."""
        numbers = range(times * len(self._bodies))
        outcomes = list(self._clients.map(self._ask, numbers))
        self.outcomes += outcomes
        return set(outcomes)

    def until(self, is_seen: Callable[[], bool], what: str) -> None:
        """Ask until it is seen, or until there is nothing more to show."""
        wait_until(lambda: is_seen() or self.is_harmed(), what=what)

    def is_harmed(self) -> bool:
        """Whether an answer was wrong, or none."""
        return not {"wrong", "failed"}.isdisjoint(self.outcomes)

    def _ask(self, number: int) -> str:
        """``failed``, ``wrong``, or how the cache took part in a right answer."""
        at = number % len(self._bodies)
        reply = self._server.post(EXPLAIN, json=self._bodies[at])
        if reply.status_code != 200:
            return "failed"
        right = reply.content == self._expected[at]
        return reply.headers["X-Cache"] if right else "wrong"


def _counts_more(asking: _Asking, server: Server, event: str, before: float) -> bool:
    asking.ask_all(1)
    return counted(server, event) > before


def burn(site: Site, *, rounds: int, fires: int) -> list[Figure]:
    """Ask before, during and after each fire; compare with answers without a cache."""
    store = site.start_redis()
    server = site.start(cache_url=store.url, cache_bytes=0)
    with (
        redis.Redis.from_url(store.url, protocol=2) as plain,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        asking = _Asking(site, server, clients)
        for name, fire in itertools.islice(FIRES.items(), fires):
            asking.until(lambda: asking.ask_all(2) == {"hit"}, f"hits before {name}")
            before = counted(server, fire.event)
            with fire.lit(store, plain):
                asking.ask_all(rounds)
                # A busy machine may have opened the breakers before the fire did.
                asking.until(
                    partial(_counts_more, asking, server, fire.event, before),
                    f"{fire.event} by {name}",
                )
        asking.until(lambda: asking.ask_all(2) == {"hit"}, "hits after all")
    outcomes = asking.outcomes
    what = f"answers of {len(outcomes)} other than without a cache"
    return [
        Figure(what, outcomes.count("wrong"), 0),
        Figure("answers that were no 200", outcomes.count("failed"), 0),
    ]
