"""A client of Redis as a URL names it: of one server, or of the primary that Sentinels
name when it connects. Nothing is ever tried twice: who waits for Redis is a request.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL = "redis-sentinel"
SENTINEL_PORT = 26379
_EXAMPLE = f"such as {SENTINEL}://user:password@one:26379,two:26379/0#primary"


@dataclass(frozen=True)
class SentinelUrl:
    """What a URL of Sentinels says; user and password are those of the primary."""

    sentinels: tuple[tuple[str, int], ...]
    primary: str
    database: int
    username: str | None
    password: str | None


def open_client(url: str, timeout_s: float) -> redis.Redis:
    """Return a client; it connects when it is first used.

    Parameters
    ----------
    timeout_s : for connecting, and for every answer. redis-py's defaults stall a caller
        for 59 s when Redis is paused. Sentinels are asked one after the other, and
        share it.
    """
    options = _options(timeout_s)
    if not url.startswith(f"{SENTINEL}:"):
        return redis.Redis.from_url(url, **options)
    said = read_sentinel_url(url)
    each = _options(timeout_s / len(said.sentinels))
    sentinels = Sentinel(said.sentinels, sentinel_kwargs=each)  # type: ignore[no-untyped-call]
    client: redis.Redis = sentinels.master_for(  # type: ignore[no-untyped-call]
        said.primary,
        db=said.database,
        username=said.username,
        password=said.password,
        **options,
    )
    return client


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        # Nothing here needs RESP3, and RESP2 saves a round trip.
        "protocol": 2,
    }


def read_sentinel_url(text: str) -> SentinelUrl:
    """Read ``redis-sentinel://[[user:]password@]host[:port][,...][/database]#primary``.

    Raises
    ------
    ValueError
        The URL lacks a host or the primary's name, or holds what it should not. The
        message does not repeat it: it may hold a password.
    """
    parts = urlsplit(text)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.rpartition(":")
    database = parts.path.strip("/") or "0"
    if not parts.fragment or parts.query or not database.isdigit():
        raise ValueError(f"expected Sentinels and their primary's name, {_EXAMPLE}")
    return SentinelUrl(
        tuple(_address(host) for host in hosts.split(",")),
        unquote(parts.fragment),
        int(database),
        unquote(username) or None,
        unquote(password) or None,
    )


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    port = SENTINEL_PORT if parts.port is None else parts.port
    if not parts.hostname or not port:
        raise ValueError(f"expected a host of each Sentinel, {_EXAMPLE}")
    return parts.hostname, port
