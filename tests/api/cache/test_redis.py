"""Redis may do anything: answers stay right, and nobody waits long."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from api.app import create_app
from api.cache.breaker import Breaker
from api.cache.interface import Entry
from api.cache.redis import PREFIX, TIMEOUT_S, RedisCache
from api.settings import Settings
from tests.api.processes import free_port

EXPLAIN = "/v1/models/breast-cancer:explain"
ASKED = ["integrated_gradients", {"method": "smoothgrad", "seed": 3}]


@pytest.fixture
def plain(redis_server):
    """The client of someone else who can write to the same Redis."""
    with redis.Redis.from_url(redis_server.url, protocol=2) as connection:
        yield connection


@pytest.fixture
def shared(bundles, redis_server):
    """An application whose only cache is Redis."""
    settings = Settings(bundles=bundles, cache_url=redis_server.url, cache_bytes=0)
    return create_app(settings).test_client()


@pytest.fixture
def expected(client, instances):
    """The answer without any cache."""
    body = {"instances": instances[:4], "explanations": ASKED}
    return client.post(EXPLAIN, json=body, headers={"Cache-Control": "no-store"}).data


def ask(client, instances, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"instances": instances[:4], "explanations": ASKED}
    return client.post(EXPLAIN, json=body, headers=names)


def test_hit_is_the_miss_byte_for_byte(shared, instances, expected, plain):
    miss, hit = ask(shared, instances), ask(shared, instances)
    assert (miss.headers["X-Cache"], hit.headers["X-Cache"]) == ("miss", "hit")
    assert miss.data == hit.data == expected
    assert "Age" in hit.headers
    assert "Age" not in miss.headers
    assert len(plain.keys(PREFIX + b"*")) == 8  # 4 instances x 2 methods


def test_values_expire_and_not_all_at_once(shared, instances, plain):
    ask(shared, instances)
    lives = [plain.pttl(key) for key in plain.keys(PREFIX + b"*")]
    assert min(lives) > 20 * 3600 * 1000
    assert max(lives) < 27 * 3600 * 1000
    assert len(set(lives)) > 4


def test_another_server_with_the_same_redis_hits(
    shared, bundles, redis_server, instances, expected
):
    ask(shared, instances)
    settings = Settings(bundles=bundles, cache_url=redis_server.url)
    other = create_app(settings).test_client()
    hit = ask(other, instances)
    assert (hit.headers["X-Cache"], hit.data) == ("hit", expected)
    redis_server.stop()  # what came from Redis is now in memory too
    again = ask(other, instances)
    assert (again.headers["X-Cache"], again.data) == ("hit", expected)


def test_part_of_a_request_may_come_from_the_cache(shared, instances, expected):
    body = {"instances": instances[:1], "explanations": ASKED}
    shared.post(EXPLAIN, json=body)
    mixed = ask(shared, instances)
    assert (mixed.headers["X-Cache"], mixed.data) == ("miss", expected)


def test_foreign_values_are_computed_anew_and_counted(
    shared, instances, expected, plain
):
    ask(shared, instances)
    keys = sorted(plain.keys(PREFIX + b"*"))
    good = plain.mget(keys)
    plain.set(keys[0], b"\x80\x04}.")  # a pickle
    plain.set(keys[1], good[1][:-1])
    plain.set(keys[2], good[3])  # another's value
    plain.set(keys[3], bytes([good[3][0] + 1]) + good[3][1:])  # another version
    plain.set(keys[4], b"")
    plain.delete(keys[5])
    plain.rpush(keys[5], "a list")
    plain.set(keys[6], good[6].replace(b"0.", b"1.", 1))
    again = ask(shared, instances)
    assert (again.headers["X-Cache"], again.data) == ("miss", expected)
    text = shared.get("/metrics").text
    assert 'leafpath_cache_events_total{event="corrupt",tier="redis"} 7.0' in text
    healed = ask(shared, instances)
    assert healed.data == expected


def test_redis_that_is_down_or_comes_back_changes_no_answer(
    bundles, instances, expected, redis_server
):
    url = f"redis://127.0.0.1:{free_port()}/0"
    down = create_app(Settings(bundles=bundles, cache_url=url, cache_bytes=0))
    for _ in range(3):
        reply = ask(down.test_client(), instances)
        assert (reply.status_code, reply.data) == (200, expected)
        assert reply.headers["X-Cache"] == "miss"
    assert down.test_client().get("/v2/health/ready").status_code == 200


def test_paused_redis_costs_one_timeout_and_then_nothing(
    shared, redis_server, instances, expected
):
    ask(shared, instances)
    redis_server.pause()
    try:
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            reply = ask(shared, instances)
            seconds.append(time.perf_counter() - start)
            assert (reply.status_code, reply.data) == (200, expected)
    finally:
        redis_server.resume()
    paid = [s for s in seconds if s > TIMEOUT_S]
    assert len(paid) <= 1, seconds
    # A promise in seconds: it must not follow a limit that somebody raises.
    assert seconds[0] < 0.5, seconds


def test_breaker_closes_when_redis_comes_back(redis_server):
    events = Counter()

    def observe(tier, event, count):
        events[event] += count

    cache = RedisCache(redis_server.url, observe, breaker=Breaker(pause_s=0.2))
    entry = Entry(b"{}", time.time())
    cache.set_many({b"k": entry})
    redis_server.pause()
    assert cache.get_many([b"k"]) == {}
    assert cache.get_many([b"k"]) == {}
    redis_server.resume()
    time.sleep(0.25)
    assert cache.get_many([b"k"]) == {b"k": entry}
    assert events == Counter(stored=1, error=1, skipped=1, hit=1)


def test_redis_that_is_full_is_no_error(
    redis_server, plain, shared, instances, expected
):
    plain.config_set("maxmemory", "1")
    reply = ask(shared, instances)
    assert (reply.status_code, reply.data) == (200, expected)
    text = shared.get("/metrics").text
    assert 'leafpath_cache_events_total{event="error",tier="redis"} 8.0' in text


def test_least_rights_in_redis_suffice(
    bundles, redis_server, plain, instances, expected
):
    plain.acl_setuser(
        "leafpath", enabled=True, passwords=["+secret"], keys=["leafpath:*"],
        commands=["-@all", "+get", "+set", "+del"],
    )  # fmt: skip
    url = redis_server.url.replace("redis://", "redis://leafpath:secret@")
    client = create_app(Settings(bundles=bundles, cache_url=url)).test_client()
    ask(client, instances)
    hit = ask(client, instances)
    assert (hit.headers["X-Cache"], hit.data) == ("hit", expected)
    assert plain.dbsize() == 8


def test_secret_keeps_forged_values_out(
    bundles, redis_server, plain, tmp_path, instances
):
    def client_with(secret):
        path = tmp_path / secret
        path.write_text(secret * 16)
        settings = Settings(
            bundles=bundles,
            cache_url=redis_server.url,
            cache_bytes=0,
            cache_key_file=path,
        )
        return create_app(settings).test_client()

    ours, theirs = client_with("ours"), client_with("theirs")
    answers = [ask(client, instances) for client in (theirs, ours, ours)]
    assert [a.headers["X-Cache"] for a in answers] == ["miss", "miss", "hit"]
    assert len({a.data for a in answers}) == 1


def test_nothing_about_the_client_is_stored(shared, instances, plain):
    ask(shared, instances, X_Request_Id="who-is-it", Authorization="Bearer secret")
    for key in plain.keys("*"):
        stored = key + plain.get(key)
        assert b"who-is-it" not in stored
        assert b"secret" not in stored


def ask_at_once(server, instances, seed=0):
    """Send 32 equal requests for something that takes long; their replies."""
    wish = {"method": "lime", "samples": 10_000, "discretize": True, "repeats": 5}
    body = {"instances": instances[:1], "explanations": [wish], "seed": seed}
    with ThreadPoolExecutor(32) as clients:
        asked = [clients.submit(server.post, EXPLAIN, json=body) for _ in range(32)]
        return [one.result() for one in asked]


def test_equal_cold_requests_over_two_workers_are_computed_once(
    start, redis_server, instances, model
):
    server = start(workers=2, threads=33, cache_url=redis_server.url)
    replies = ask_at_once(server, instances)
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.content for reply in replies}) == 1
    text = server.get("/metrics").text
    assert 'leafpath_cache_events_total{event="stored",tier="redis"} 1.0' in text


def test_process_that_died_while_computing_is_not_waited_for_in_vain(
    shared, instances, plain, expected
):
    ask(shared, instances)
    keys = plain.keys(PREFIX + b"*")
    plain.delete(*keys)
    for key in keys:
        plain.set(key + b":flight", b"", px=300)  # as a process that was killed
    start = time.perf_counter()
    reply = ask(shared, instances)
    assert (reply.status_code, reply.data) == (200, expected)
    assert 0.1 < time.perf_counter() - start < 5


def test_claim_that_never_lapses_keeps_nobody_waiting(
    shared, instances, plain, expected, monkeypatch
):
    ask(shared, instances)
    keys = plain.keys(PREFIX + b"*")
    plain.delete(*keys)
    for key in keys:
        plain.set(key + b":flight", b"")  # no server of ours leaves out its lapse
    monkeypatch.setattr("api.cache.shared_flight.PATIENCE_S", 0.2)
    reply = ask(shared, instances)
    assert (reply.status_code, reply.data) == (200, expected)
