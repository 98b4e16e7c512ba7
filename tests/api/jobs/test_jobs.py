"""Jobs end as the request at once would have; nothing that happens loses one."""

import datetime
import hashlib
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
import redis
import requests

from api.app import create_app
from api.jobs.job import Progress
from api.jobs.jobs import HOLD_S, MAX_ATTEMPTS
from api.jobs.records import EVENTS
from api.service import EXTENSION
from api.settings import Settings
from tests.api.cpu_use import cpu_s
from tests.api.processes import ROOT, free_port, wait_until
from tests.api.test_error_handlers import check
from tests.api.test_metrics import samples

EXPLAIN = "/v1/models/breast-cancer:explain"
LATER = {"Prefer": "respond-async"}
HOLD = datetime.timedelta(seconds=HOLD_S)
LONG = {"method": "lime", "samples": 10_000, "discretize": True}
"""With 200 instances, all that one job may cost: several seconds."""


def long_body(instances):
    rows = [[*instances[i % 20][:-1], 0.05 + i / 1e4] for i in range(200)]
    return {"instances": rows, "explanations": [LONG]}


@pytest.fixture
def app(bundles, tmp_path):
    return create_app(Settings(bundles=bundles, jobs_url=f"sqlite:///{tmp_path}/jobs"))


@pytest.fixture
def jobs(app):
    return app.extensions[EXTENSION].jobs


def submit(client, body, **headers):
    reply = client.post(EXPLAIN, json=body, headers=LATER | headers)
    assert reply.status_code == 202, reply.text
    assert reply.headers["Preference-Applied"] == "respond-async"
    return reply.headers["Location"]


def work(jobs):
    """Do what huey's consumer does, until nothing waits."""
    while (task := jobs.huey.dequeue()) is not None:
        jobs.huey.execute(task)


def state(client, job):
    return client.get(job).json["state"]


def test_result_is_the_answer_at_once(client, jobs, instances):
    body = {"instances": instances[:3], "explanations": ["tree_path", "lime"]}
    job = submit(client, body)
    before = client.get(job)
    assert (before.json["state"], before.json["result"]) == ("queued", None)
    assert before.headers["Retry-After"] == "1"
    work(jobs)
    after = client.get(job)
    assert after.json["state"] == "done"
    assert after.json["progress"] == {"done": 6, "total": 6}
    assert after.json["result"] == client.post(EXPLAIN, json=body).json
    assert "Retry-After" not in after.headers


def test_equal_requests_are_one_job_and_others_are_not(client, jobs, instances):
    body = {"instances": instances[:1], "explanations": [{"method": "lime", "seed": 1}]}
    job = submit(client, body)
    backwards = {"explanations": [{"seed": 1, "method": "lime"}]} | {
        "instances": instances[:1]
    }
    assert submit(client, backwards) == job
    assert submit(client, body | {"instances": instances[1:2]}) != job
    assert submit(client, body | {"seed": 2}) != job
    assert jobs.huey.pending_count() == 3
    work(jobs)
    assert submit(client, body) == job
    assert state(client, job) == "done"
    assert jobs.huey.pending_count() == 0


def test_full_queue_takes_no_more_jobs_and_says_when(
    client, jobs, instances, monkeypatch
):
    monkeypatch.setattr("api.jobs.jobs.MAX_WAITING", 2)

    def body(seed):
        return {"instances": instances[:1], "explanations": ["lime"], "seed": seed}

    job = submit(client, body(0))
    submit(client, body(1))
    refused = client.post(EXPLAIN, json=body(2), headers=LATER)
    check(refused, 503, "overloaded")
    assert refused.headers["Retry-After"] == "10"
    assert submit(client, body(0)) == job  # is there already
    work(jobs)
    submit(client, body(2))


def test_what_is_wrong_is_said_when_the_job_is_submitted(client, jobs, instances):
    wish = {"instances": instances[:1], "explanations": ["limee"]}
    check(client.post(EXPLAIN, json=wish, headers=LATER), 422, "unknown-method")
    wish["explanations"] = [{"method": "counterfactual", "target": 7}]
    check(client.post(EXPLAIN, json=wish, headers=LATER), 422, "invalid-parameter")
    dear = long_body(instances)
    check(client.post(EXPLAIN, json=dear), 422, "too-expensive")
    dearer = dear | {"instances": dear["instances"] * 2}
    check(client.post(EXPLAIN, json=dearer, headers=LATER), 422, "too-expensive")
    assert jobs.huey.pending_count() == 0
    submit(client, dear)


def test_failure_is_a_problem_and_may_be_tried_again(client, jobs, instances):
    extreme = [*instances[0][:-1], 3e38]
    body = {"instances": [extreme], "explanations": ["input_x_gradient"]}
    job = submit(client, body)
    work(jobs)
    page = client.get(job).json
    assert (page["state"], page["result"]) == ("failed", None)
    assert page["problem"]["type"] == "/problems/invalid-instance"
    assert page["problem"]["instance"] == job
    assert submit(client, body) == job
    assert state(client, job) == "queued"


def test_cancelled_job_is_never_computed(client, jobs, instances):
    job = submit(client, {"instances": instances[:1], "explanations": ["lime"]})
    assert client.delete(job).status_code == 204
    work(jobs)
    page = client.get(job).json
    assert (page["state"], page["result"]) == ("cancelled", None)
    assert client.delete(job).status_code == 204
    check(client.get(job), 404, "unknown-job")
    check(client.delete(job), 404, "unknown-job")


def test_job_is_there_for_its_key_alone(bundles, tmp_path, instances):
    keys = tmp_path / "keys"
    lines = [f"{n} {hashlib.sha256(n.encode()).hexdigest()} *" for n in ("a", "b")]
    keys.write_text("\n".join(lines))
    url = f"sqlite:///{tmp_path}/jobs"
    app = create_app(Settings(bundles=bundles, jobs_url=url, api_keys_file=keys))
    client = app.test_client()
    one, other = ({"Authorization": f"Bearer {n}"} for n in ("a", "b"))
    body = {"instances": instances[:1]}
    job = submit(client, body, **one)
    check(client.get(job), 401, "unauthenticated")
    check(client.get(job, headers=other), 404, "unknown-job")
    check(client.delete(job, headers=other), 404, "unknown-job")
    assert client.get(job, headers=one).json["state"] == "queued"
    assert submit(client, body, **other) != job


def test_job_expires_and_leaves_nothing(bundles, tmp_path, instances):
    url = f"sqlite:///{tmp_path}/jobs"
    app = create_app(Settings(bundles=bundles, jobs_url=url, jobs_kept_s=1))
    jobs, client = app.extensions[EXTENSION].jobs, app.test_client()
    job = submit(client, {"instances": instances[:1]})
    work(jobs)
    assert state(client, job) == "done"
    time.sleep(1.1)
    check(client.get(job), 404, "unknown-job")
    for task in jobs.huey.read_schedule():
        jobs.huey.execute(task)
    rows = sqlite3.connect(tmp_path / "jobs").execute("select count(*) from kv")
    assert rows.fetchone() == (0,)


def test_messages_are_json_and_a_pickle_is_not_run(client, jobs, instances, tmp_path):
    submit(client, {"instances": instances[:1]})
    (message,) = jobs.huey.storage.enqueued_items()
    assert json.loads(message)[1].endswith(".work")

    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    jobs.huey.storage.flush_queue()
    jobs.huey.storage.enqueue(pickle.dumps(Harm()))
    with pytest.raises(ValueError, match="JSON"):
        jobs.huey.dequeue()
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_what_others_write_into_the_queue_harms_no_job(
    bundles, tmp_path, instances, redis_server, kind
):
    """Another version of the server, say: the file of jobs outlives an update."""
    url = redis_server.url if kind == "redis" else f"sqlite:///{tmp_path}/jobs"
    app = create_app(Settings(bundles=bundles, jobs_url=url))
    jobs, client = app.extensions[EXTENSION].jobs, app.test_client()
    storage, later = jobs.huey.storage, datetime.datetime.now() + HOLD
    body = {"instances": instances[:1]}
    job = submit(client, body)
    work(jobs)
    for message in (b"\x80\x04", b"\xff", b"{}", b"null", b'["x","a.work",null,[]]'):
        storage.add_to_schedule(message, later)
    for part in ("request", "progress", "outcome"):
        storage.put_data(f"{job.rpartition('/')[2]}:{part}", b"\x80\x04")
    second = submit(client, {"instances": instances[1:2]})
    found = standing(client)
    assert (found["jobs_reachable"], found["jobs/queued"]) == (1, 1)
    check(client.get(job), 404, "unknown-job")
    assert submit(client, body) == job
    work(jobs)
    assert state(client, job) == state(client, second) == "done"


def test_job_that_kills_its_workers_is_given_up(client, jobs, instances):
    job = submit(client, {"instances": instances[:1]})
    found = jobs.find(job.rpartition("/")[2], "")
    died = type(found.progress)(attempts=MAX_ATTEMPTS)
    jobs._records.proceed(found.id, died)
    work(jobs)
    assert client.get(job).json["problem"]["type"] == "/problems/internal"


def standing(client):
    """What the metrics say of the jobs: name, or name and label -> value."""
    return {
        "/".join([name.removeprefix("leafpath_"), *(value for _, value in labels)]): n
        for (name, labels), n in samples(client).items()
        if "_job" in name
    }


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_metrics_say_how_the_jobs_stand(
    bundles, tmp_path, instances, redis_server, kind
):
    url = redis_server.url if kind == "redis" else f"sqlite:///{tmp_path}/jobs"
    app = create_app(Settings(bundles=bundles, jobs_url=url))
    jobs, client = app.extensions[EXTENSION].jobs, app.test_client()
    first, second, _ = (submit(client, {"instances": [i]}) for i in instances[:3])
    submit(client, {"instances": instances[:1]})  # the first one again
    extreme = {"instances": [[*instances[0][:-1], 3e38]]}
    submit(client, extreme | {"explanations": ["input_x_gradient"]})
    client.delete(second)
    found = standing(client)
    oldest_s = found.pop("oldest_job_seconds")
    assert found == {
        "job_events_total/submitted": 4, "job_events_total/done": 0,
        "job_events_total/failed": 0, "job_events_total/cancelled": 1,
        "job_events_total/requeued": 0, "jobs/queued": 3, "jobs/running": 0,
        "jobs_reachable": 1,
    }  # fmt: skip
    assert 0 < oldest_s < 60
    # A worker that holds the first one, and dies of it.
    held = Progress(attempts=1, held_until=time.time() + 60)
    jobs._records.proceed(first.rpartition("/")[2], held)
    found = standing(client)
    assert (found["jobs/queued"], found["jobs/running"]) == (2, 1)
    jobs._records.proceed(first.rpartition("/")[2], Progress(attempts=1))
    work(jobs)
    found = standing(client)
    assert [found[f"job_events_total/{event}"] for event in EVENTS] == [4, 2, 1, 1, 1]
    assert (found["jobs/queued"], found["jobs/running"]) == (0, 0)
    assert found["oldest_job_seconds"] == 0


def test_job_under_way_is_told_beside_thousands_that_have_ended(
    bundles, instances, redis_server
):
    """Each of these has a message in the schedule, which forgets it in a day."""
    app = create_app(Settings(bundles=bundles, jobs_url=redis_server.url))
    jobs, client = app.extensions[EXTENSION].jobs, app.test_client()
    job = submit(client, {"instances": instances[:1]}).rpartition("/")[2]
    assert jobs.huey.dequeue() is not None  # and whoever took it dies
    (forget,) = (m for m in jobs.huey.storage.scheduled_items() if b".expire" in m)
    late = time.time() + 80_000
    with redis.Redis.from_url(redis_server.url, protocol=2) as plain:
        others = (forget.replace(job.encode(), b"%032x" % n) for n in range(10_001))
        plain.zadd("huey.schedule.leafpath", dict.fromkeys(others, late))
    assert standing(client)["jobs/queued"] == 1


def test_oldest_job_is_the_first_that_still_waits(client, jobs, instances):
    first = submit(client, {"instances": instances[:1]})
    time.sleep(0.3)  # that the two can be told apart
    second = submit(client, {"instances": instances[1:2]})
    for job in (first, second):
        created_at = jobs.find(job.rpartition("/")[2], "").request.created_at
        before = time.time()
        waited_s = standing(client)["oldest_job_seconds"]
        assert before <= created_at + waited_s <= time.time()
        client.delete(job)


def test_metrics_say_that_the_queue_is_out_of_reach(bundles):
    url = f"redis://127.0.0.1:{free_port()}"
    client = create_app(Settings(bundles=bundles, jobs_url=url)).test_client()
    assert standing(client) == {"jobs_reachable": 0}


@pytest.mark.parametrize("url", ["sqlite:////proc/none/jobs", "redis://127.0.0.1:{}"])
def test_queue_that_cannot_be_reached_is_said(bundles, instances, url):
    settings = Settings(bundles=bundles, jobs_url=url.format(free_port()))
    client = create_app(settings).test_client()
    body = {"instances": instances[:1]}
    reply = client.post(EXPLAIN, json=body, headers=LATER)
    check(reply, 503, "jobs-unavailable")
    assert "Retry-After" in reply.headers
    assert client.post(EXPLAIN, json=body).status_code == 200


def test_redis_that_hangs_is_given_up(bundles, instances, redis_server):
    settings = Settings(bundles=bundles, jobs_url=redis_server.url)
    client = create_app(settings).test_client()
    job = submit(client, {"instances": instances[:1]})
    redis_server.pause()
    try:
        start = time.monotonic()
        check(client.get(job), 503, "jobs-unavailable")
        # redis-py's own patience would be a minute.
        assert time.monotonic() - start < 30
    finally:
        redis_server.resume()
    assert state(client, job) == "queued"


class Http:
    """A real server with the methods of Flask's client."""

    def __init__(self, server):
        self.get, self.post, self._server = server.get, server.post, server

    def state(self, job):
        return self.get(job).json()["state"]


def test_kill_of_a_worker_loses_no_job(start, instances, tmp_path, client):
    server = start(workers=1, jobs_url=f"sqlite:///{tmp_path}/real")
    http, body = Http(server), long_body(instances)
    job = submit(http, body)
    wait_until(lambda: http.get(job).json()["progress"]["done"] > 0, what="progress")
    (victim,) = server.workers()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: set(server.workers()) - {victim}, what="a new worker")
    assert http.state(job) in ("running", "queued")  # as far as anybody knows yet
    wait_until(lambda: http.state(job) == "done", HOLD_S + 40, "the end of the job")
    page = http.get(job).json()
    assert page["progress"] == {"done": 200, "total": 200}
    counted = standing(http)
    assert counted["job_events_total/requeued"] >= 1
    assert counted["job_events_total/done"] == 1
    first = client.post(EXPLAIN, json=body | {"instances": body["instances"][:5]}).json
    assert page["result"]["explanations"][:5] == first["explanations"]


def test_cancelled_job_stops_burning(start, instances, tmp_path):
    server = start(workers=1, jobs_url=f"sqlite:///{tmp_path}/real")
    http = Http(server)
    job = submit(http, long_body(instances))
    wait_until(lambda: http.state(job) == "running")
    assert requests_delete(server, job) == 204
    time.sleep(0.8)
    before = cpu_s(server.workers())
    time.sleep(0.5)
    assert cpu_s(server.workers()) - before < 0.2
    assert http.state(job) == "cancelled"


def requests_delete(server, path):
    return requests.delete(server.url + path, timeout=10).status_code


def test_jobs_in_redis_are_computed_by_workers_of_their_own(
    start, bundles, instances, redis_server, client
):
    server = start(jobs_url=redis_server.url)
    http = Http(server)
    body = {"instances": instances[:2], "explanations": ["lime"]}
    job = submit(http, body)
    time.sleep(1)
    assert http.state(job) == "queued"  # the server leaves it alone
    environment = os.environ | {
        "LEAFPATH_BUNDLES": str(bundles), "LEAFPATH_JOBS_URL": redis_server.url,
    }  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "leafpath", "work"], cwd=ROOT, env=environment,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: http.state(job) == "done", what="the end of the job")
    finally:
        worker.terminate()
        assert worker.wait(10) == 0
    assert http.get(job).json()["result"] == client.post(EXPLAIN, json=body).json
    with redis.Redis.from_url(redis_server.url, protocol=2) as plain:
        assert {key.split(b".")[0] for key in plain.keys("*")} == {b"huey"}
