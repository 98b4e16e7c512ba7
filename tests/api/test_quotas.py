"""Quotas of API keys: priced before work, shared by workers, bounded without Redis."""

import re

import pytest

from api.app import create_app
from api.cache import NullCache, open_cache
from api.errors import RequestError
from api.keys import read_keys
from api.settings import Settings
from api.spending import Ledger, Quota
from tests.api.test_access import bearer, line
from tests.api.test_error_handlers import check

PREDICT, EXPLAIN = "/v1/models/mixed:predict", "/v1/models/mixed:explain"
ROW = [30, "red"]


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


def server(bundles, folder, quota, clock=None, **settings):
    """An application whose key "few" has a quota, and whose key "all" has none."""
    path = folder / "keys"
    path.write_text(line("lab", "few", f"* {quota}") + line("admin", "all", "*"))
    app = create_app(Settings(bundles=bundles, api_keys_file=path, **settings))
    app.extensions["leafpath"].ledger._clock = clock or Clock(60.0 * 1000)
    return app.test_client()


def left(reply):
    """What an answer says: rows left, and seconds to the next minute."""
    return tuple(
        map(
            int,
            re.fullmatch(
                r'"network-rows";r=(\d+);t=(\d+)', reply.headers["RateLimit"]
            ).groups(),
        )
    )


def test_a_quota_is_spent_by_instance_and_comes_back(bundles, tmp_path):
    clock = Clock(60.0 * 1000 + 15)
    client = server(bundles, tmp_path, "5/min", clock)
    body = {"instances": [ROW] * 2}
    for expected in (3, 1):
        reply = client.post(PREDICT, json=body, headers=bearer("few"))
        assert (reply.status_code, left(reply)) == (200, (expected, 45))
        assert reply.headers["RateLimit-Policy"] == '"network-rows";q=5;w=60'
    refused = client.post(PREDICT, json=body, headers=bearer("few"))
    check(refused, 429, "quota-exceeded")
    assert (refused.headers["Retry-After"], left(refused)) == ("45", (1, 45))
    one = client.post(PREDICT, json={"instances": [ROW]}, headers=bearer("few"))
    assert (one.status_code, left(one)) == (200, (0, 45))
    clock.now += 45
    again = client.post(PREDICT, json=body, headers=bearer("few"))
    assert (again.status_code, left(again)) == (200, (3, 60))


def test_other_keys_and_free_paths_are_not_counted(bundles, tmp_path):
    client = server(bundles, tmp_path, "1/min")
    for _ in range(3):
        reply = client.post(PREDICT, json={"instances": [ROW]}, headers=bearer("all"))
        assert reply.status_code == 200
        assert "RateLimit" not in reply.headers
        reply = client.get("/v1/models/mixed/tree", headers=bearer("few"))
        assert reply.status_code == 200
    wrong = {"instances": [[30]]}  # what is refused for another reason costs nothing
    assert client.post(PREDICT, json=wrong, headers=bearer("few")).status_code == 422
    reply = client.post(PREDICT, json={"instances": [ROW]}, headers=bearer("few"))
    assert left(reply)[0] == 0


def test_explanations_cost_the_rows_that_they_send(bundles, tmp_path):
    client = server(bundles, tmp_path, "1000/min")
    lime = {"method": "lime", "samples": 400}
    body = {"instances": [ROW], "explanations": [lime]}
    first = client.post(EXPLAIN, json=body, headers=bearer("few"))
    assert first.status_code == 200, first.json
    price = 1000 - left(first)[0]
    assert price > 400
    cached = client.post(EXPLAIN, json=body, headers=bearer("few"))
    assert (cached.headers["X-Cache"], left(cached)[0]) == ("hit", 1000 - 2 * price)
    body["explanations"][0]["samples"] = 1000
    never = client.post(EXPLAIN, json=body, headers=bearer("few"))
    check(never, 422, "too-expensive")
    assert "1000 a minute" in never.json["detail"]


def test_a_job_is_paid_for_once_when_it_is_submitted(bundles, tmp_path):
    jobs_url = f"sqlite:///{tmp_path / 'jobs.db'}"
    client = server(bundles, tmp_path, "500/min", jobs_url=jobs_url)
    jobs = client.application.extensions["leafpath"].jobs
    lime = {"method": "lime", "samples": 400}
    body = {"instances": [ROW], "explanations": [lime]}
    headers = bearer("few") | {"Prefer": "respond-async"}
    submitted = client.post(EXPLAIN, json=body, headers=headers)
    assert submitted.status_code == 202, submitted.json
    rest = left(submitted)[0]
    assert rest < 100
    jobs.huey.execute(jobs.huey.dequeue())
    job = client.get(submitted.headers["Location"], headers=bearer("few"))
    assert job.json["state"] == "done"
    again = client.post(EXPLAIN, json=body, headers=headers)
    assert again.status_code == 202
    assert again.headers["Location"] == submitted.headers["Location"]
    other = body | {"seed": 1}
    check(client.post(EXPLAIN, json=other, headers=headers), 429, "quota-exceeded")
    one = client.post(PREDICT, json={"instances": [ROW]}, headers=bearer("few"))
    assert left(one)[0] == rest - 1


def test_every_protocol_charges_and_refuses_in_its_own_form(bundles, tmp_path):
    client = server(bundles, tmp_path, "1/min")
    tensors = {
        "inputs": [
            {"name": "age", "datatype": "FP32", "shape": [1, 1], "data": [30]},
            {"name": "colour", "datatype": "BYTES", "shape": [1, 1], "data": ["red"]},
        ]
    }
    requests = {
        "/v2/models/mixed/infer": tensors,
        "/v2/models/mixed/explain": tensors,
        PREDICT: {"instances": [ROW]},
    }
    first = client.post("/v2/models/mixed/infer", json=tensors, headers=bearer("few"))
    assert (first.status_code, left(first)[0]) == (200, 0), first.json
    for path, body in requests.items():
        refused = client.post(path, json=body, headers=bearer("few"))
        said = refused.json["error" if path.startswith("/v2") else "detail"]
        assert refused.status_code in (422, 429), path
        assert "quota" in said or "a minute" in said
        assert "RateLimit" in refused.headers


def test_workers_share_a_quota_through_redis(redis_server):
    url = f"redis://127.0.0.1:{redis_server.port}"
    clock, quota = Clock(60.0), Quota("lab", 10)
    ledgers = [
        Ledger(open_cache(Settings(cache_url=url), lambda *_: None), clock)
        for _ in range(2)
    ]
    assert [one.spend(quota, 4).left for one in ledgers] == [6, 2]
    for one in ledgers:
        with pytest.raises(RequestError, match="2 are left"):
            one.spend(quota, 4)
    assert ledgers[0].spend(quota, 2).left == 0


def test_without_redis_each_process_bounds_what_it_knows(redis_server):
    url = f"redis://127.0.0.1:{redis_server.port}"
    quota = Quota("lab", 10)
    cache = open_cache(Settings(cache_url=url), lambda *_: None)
    ledger = Ledger(cache, Clock(60.0))
    assert ledger.spend(quota, 4).left == 6
    redis_server.stop()
    assert ledger.spend(quota, 4).left == 2
    with pytest.raises(RequestError, match="2 are left"):
        ledger.spend(quota, 4)


def test_what_comes_late_from_the_last_minute_is_no_gift():
    """A thread that read the clock before the minute turned writes after it."""
    quota, late = Quota("lab", 10), [True]

    def clock():
        if not late:
            return 120.0
        late.clear()
        assert ledger.spend(quota, 9).left == 1  # another thread, a minute further
        return 119.0

    ledger = Ledger(NullCache(), clock)
    assert ledger.spend(quota, 4).left == 6
    with pytest.raises(RequestError, match="1 are left"):
        ledger.spend(quota, 4)


def test_old_minutes_are_forgotten():
    clock, quota = Clock(60.0), Quota("lab", 10)
    ledger = Ledger(NullCache(), clock)
    for _ in range(100):
        assert ledger.spend(quota, 10).left == 0
        clock.now += 60
    assert len(ledger._spent) <= 2


@pytest.mark.parametrize(
    "quota", ["100", "0/min", "-1/min", "5/s", "1e3/min", "5/min x"]
)
def test_a_quota_that_is_none_is_refused(tmp_path, quota):
    path = tmp_path / "keys"
    path.write_text(line("a", "x", f"* {quota}"))
    with pytest.raises(Exception, match="50000/min"):
        read_keys(path)
