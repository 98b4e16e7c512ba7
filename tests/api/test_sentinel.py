"""A primary that dies, or hangs: Sentinel names another, and cache and jobs follow."""

import contextlib
import socket
import subprocess
import time

import pytest
import redis

from api.app import create_app
from api.cache.redis import TIMEOUT_S, RedisCache
from api.redis_client import read_sentinel_url
from api.service import EXTENSION
from api.settings import Settings, from_environment
from tests.api.cache.test_redis import ask
from tests.api.jobs.test_jobs import LATER, submit, work
from tests.api.processes import free_port, start_redis, wait_until
from tests.api.test_error_handlers import check

NAME = "leafpath"
CALM_MS, ALERT_MS = 600_000, 500
"""How long Sentinel waits before it gives a primary up: no busy machine may make it do
so before a test wants it."""


class Watched:
    """A primary, its replica, and the Sentinel that watches them."""

    def __init__(self, directory):
        self.primary = start_redis(directory)
        follow = ("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.replica = start_redis(
            directory, *follow, "--repl-diskless-sync-delay", "0"
        )
        self.port = free_port()
        config = directory / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {directory}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.primary.port} 1\n"
            f"sentinel down-after-milliseconds {NAME} {CALM_MS}\n"
        )
        self.process = subprocess.Popen(
            ["redis-server", str(config), "--sentinel"], stdout=subprocess.DEVNULL
        )
        self.sentinel = redis.Redis(port=self.port, protocol=2)
        wait_until(self._knows_the_replica, what="Sentinel with a replica")

    @property
    def url(self):
        return f"redis-sentinel://127.0.0.1:{free_port()},127.0.0.1:{self.port}#{NAME}"

    def _knows_the_replica(self):
        try:
            replicas = self.sentinel.sentinel_slaves(NAME)
        except redis.ConnectionError:
            return False
        return [one["master-link-status"] for one in replicas] == ["ok"]

    def keys_of_the_replica(self):
        with redis.Redis(port=self.replica.port, protocol=2) as plain:
            return len(plain.keys("*"))

    def promote(self):
        """Let Sentinel find out, and wait until it names the replica."""
        self.sentinel.sentinel_set(NAME, "down-after-milliseconds", ALERT_MS)
        named = self.sentinel.sentinel_get_master_addr_by_name
        wait_until(lambda: named(NAME)[1] == self.replica.port, what="a new primary")

    def stop(self):
        self.sentinel.close()
        self.process.terminate()
        self.process.wait(10)
        self.replica.stop()
        self.primary.stop()


@pytest.fixture
def watched(tmp_path):
    servers = Watched(tmp_path)
    yield servers
    servers.stop()


def kill(server):
    server.process.kill()
    server.process.wait(10)


def pause(server):
    server.pause()


@pytest.mark.parametrize("harm", [kill, pause])
def test_cache_follows_the_primary(bundles, instances, client, watched, harm):
    settings = Settings(bundles=bundles, cache_url=watched.url, cache_bytes=0)
    shared = create_app(settings).test_client()
    expected = ask(client, instances).data
    before = [ask(shared, instances) for _ in range(2)]
    assert [one.headers["X-Cache"] for one in before] == ["miss", "hit"]
    wait_until(lambda: watched.keys_of_the_replica() == 8, what="replication")
    harm(watched.primary)
    during = [ask(shared, instances) for _ in range(5)]
    watched.promote()

    def hits():
        during.append(ask(shared, instances))
        return during[-1].headers["X-Cache"] == "hit"

    wait_until(hits, what="a hit in the new primary")
    assert {(one.status_code, one.data) for one in before + during} == {(200, expected)}
    ask(shared, instances[4:])  # and the new one is written to
    assert watched.keys_of_the_replica() == 16


def test_sentinels_that_hang_take_no_longer_than_a_redis_that_hangs():
    with contextlib.ExitStack() as stack:
        hosts = []
        for _ in range(3):  # each takes connections, and never answers
            deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            hosts.append(f"127.0.0.1:{deaf.getsockname()[1]}")
        seconds = []
        for _ in range(3):  # the quickest: a busy machine delays some
            url = f"redis-sentinel://{','.join(hosts)}#{NAME}"
            cache = RedisCache(url, lambda *_: None)
            start = time.monotonic()
            assert cache.get_many([b"k"]) == {}
            seconds.append(time.monotonic() - start)
    assert TIMEOUT_S * 0.9 < min(seconds) < 2 * TIMEOUT_S


def test_jobs_follow_the_primary(bundles, instances, client, watched):
    app = create_app(Settings(bundles=bundles, jobs_url=watched.url))
    jobs, http = app.extensions[EXTENSION].jobs, app.test_client()
    body = {"instances": instances[:1], "explanations": ["lime"]}
    job = submit(http, body)
    with redis.Redis(port=watched.primary.port, protocol=2) as plain:
        assert plain.wait(1, 30_000) == 1
    kill(watched.primary)
    later = http.post("/v1/models/breast-cancer:explain", json=body, headers=LATER)
    check(later, 503, "jobs-unavailable")
    watched.promote()
    # 503 until the new primary has taken up its role.
    wait_until(lambda: http.get(job).status_code == 200, what="the job's page")
    assert http.get(job).json["state"] == "queued"
    work(jobs)
    page = http.get(job).json
    assert page["state"] == "done"
    at_once = client.post("/v1/models/breast-cancer:explain", json=body)
    assert page["result"] == at_once.json


def test_every_part_of_the_url_is_read():
    said = read_sentinel_url("redis-sentinel://me:s%40y@one,[::1]:5000/2#my%20name")
    assert said.sentinels == (("one", 26379), ("::1", 5000))
    assert (said.primary, said.database) == ("my name", 2)
    assert (said.username, said.password) == ("me", "s@y")
    said = read_sentinel_url("redis-sentinel://secret@one:1#p")
    assert (said.username, said.password) == (None, "secret")


@pytest.mark.parametrize(
    "url",
    [
        "redis-sentinel://:hunter2@one:26379",
        "redis-sentinel://:hunter2@one:26379/x#p",
        "redis-sentinel://:hunter2@one:0#p",
        "redis-sentinel://:hunter2@one:port#p",
        "redis-sentinel://:hunter2@one:1,#p",
        "redis-sentinel://:hunter2@/0#p",
        "redis-sentinel://:hunter2@one?db=1#p",
        "redis-cluster://:hunter2@one:6379",
        "rediss-sentinel://:hunter2@one:26379#p",
    ],
)
@pytest.mark.parametrize("setting", ["LEAFPATH_CACHE_URL", "LEAFPATH_JOBS_URL"])
def test_a_url_that_cannot_be_meant_stops_the_start(setting, url):
    with pytest.raises(Exception, match=f"{setting} is malformed") as refused:
        from_environment({setting: url})
    assert "hunter2" not in str(refused.value)
