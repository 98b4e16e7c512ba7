"""One key cannot fill the queue of jobs for all others, whichever worker it asks."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.app import create_app
from api.jobs.records import LOCK_S
from api.service import EXTENSION
from api.settings import Settings
from tests.api.jobs.test_jobs import EXPLAIN, LATER, submit, work
from tests.api.test_access import bearer, line
from tests.api.test_error_handlers import check
from tests.api.test_quotas import left

PREDICT = "/v1/models/breast-cancer:predict"
ONE, OTHER = bearer("of-one"), bearer("of-other")
FAILS = {"explanations": ["input_x_gradient"]}


@pytest.fixture(params=["sqlite", "redis"])
def open_app(request, bundles, tmp_path):
    """Open applications that share one queue, as the workers of a server do."""
    url = f"sqlite:///{tmp_path}/jobs"
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    keys = tmp_path / "keys"
    keys.write_text(
        line("one", "of-one", "* 1000/min") + line("other", "of-other", "*")
    )

    def open_one(jobs_per_key, **more):
        settings = {"bundles": bundles, "jobs_url": url, "api_keys_file": keys}
        app = create_app(Settings(**settings | more, jobs_per_key=jobs_per_key))
        app.extensions[EXTENSION].ledger._clock = lambda: 0.0  # one minute for ever
        return app

    return open_one


@pytest.fixture
def bodies(instances):
    """Requests without end, no two of which are the same job."""
    return ({"instances": instances[:1], "seed": seed} for seed in itertools.count())


def jobs_of(app):
    return app.extensions[EXTENSION].jobs


def refused(client, body):
    reply = client.post(EXPLAIN, json=body, headers=LATER | ONE)
    check(reply, 429, "too-many-jobs")
    assert reply.headers["Retry-After"] == "10"
    assert "2 jobs of this API key" in reply.json["detail"]


def test_full_key_waits_and_the_others_are_served(open_app, bodies):
    apps = open_app(2), open_app(2)
    clients = [app.test_client() for app in apps]
    taken = [next(bodies), next(bodies)]
    jobs = [
        submit(client, body, **ONE) for client, body in zip(clients, taken, strict=True)
    ]
    for client in clients:
        refused(client, next(bodies))
        # What is there already is no further job; nor are another key's.
        assert [submit(client, body, **ONE) for body in taken] == jobs
    others = submit(clients[0], taken[0], **OTHER)
    assert jobs_of(apps[0]).huey.pending_count() == 3
    work(jobs_of(apps[1]))
    done = clients[0].get(others, headers=OTHER).json
    assert done["state"] == "done"
    for body in (next(bodies), next(bodies)):
        submit(clients[1], body, **ONE)
    refused(clients[0], next(bodies))


def test_every_end_of_a_job_makes_room(open_app, bodies, instances):
    app = open_app(2)
    client, jobs = app.test_client(), jobs_of(app)
    kept = submit(client, next(bodies), **ONE)
    failing = FAILS | {"instances": [[*instances[0][:-1], 3e38]]}
    failed = submit(client, failing, **ONE)
    work(jobs)
    assert client.get(failed, headers=ONE).json["state"] == "failed"
    # Tried again it has the place that it had, and leaves the other one free.
    for _ in range(3):
        assert submit(client, failing, **ONE) == failed
        cancelled = submit(client, next(bodies), **ONE)
        refused(client, next(bodies))
        assert client.delete(cancelled, headers=ONE).status_code == 204
        work(jobs)
    assert client.get(kept, headers=ONE).json["state"] == "done"
    submit(client, next(bodies), **ONE)
    ended = submit(client, next(bodies), **ONE)
    for _ in ("cancelled", "forgotten"):
        assert client.delete(ended, headers=ONE).status_code == 204
    refused(client, next(bodies))  # its message waits in the queue of all
    work(jobs)
    for _ in range(2):
        submit(client, next(bodies), **ONE)
    refused(client, next(bodies))


@pytest.mark.parametrize("ends", [1, 2], ids=["cancelled", "forgotten"])
def test_who_submits_and_cancels_without_end_leaves_one_message(open_app, bodies, ends):
    app = open_app(2)
    client, jobs = app.test_client(), jobs_of(app)
    body = next(bodies)
    for _ in range(5):
        job = submit(client, body, **ONE)
        for _ in range(ends):
            assert client.delete(job, headers=ONE).status_code == 204
    assert jobs.huey.pending_count() == 1
    assert jobs.huey.scheduled_count() == 2  # a second look, and the end
    assert submit(client, body, **ONE) == job
    work(jobs)
    assert client.get(job, headers=ONE).json["state"] == "done"


def test_cancelled_jobs_keep_their_places_while_they_wait(open_app, bodies):
    app = open_app(2)
    client = app.test_client()
    for body in (next(bodies), next(bodies)):
        client.delete(submit(client, body, **ONE), headers=ONE)
    refused(client, next(bodies))
    work(jobs_of(app))
    submit(client, next(bodies), **ONE)


@pytest.mark.parametrize("last", ["take_place", "create", "open", "queue_once"])
def test_request_that_dies_on_its_way_blocks_no_place_for_ever(
    open_app, bodies, monkeypatch, last
):
    """Whatever its last step was: no message will ever come to free the place."""
    app = open_app(1, jobs_kept_s=1)
    client, records = app.test_client(), jobs_of(app)._records
    monkeypatch.setattr("api.jobs.records.LOCK_S", 1.0)
    step = getattr(records, last)

    def die(*arguments):
        step(*arguments)
        raise OSError("killed")

    monkeypatch.setattr(records, last, die)
    reply = client.post(EXPLAIN, json=next(bodies), headers=LATER | ONE)
    check(reply, 503, "jobs-unavailable")
    monkeypatch.setattr(records, last, step)
    time.sleep(1.1)
    submit(client, next(bodies), **ONE)


def test_jobs_that_expire_in_the_queue_make_room(open_app, bodies):
    app = open_app(2, jobs_kept_s=1)
    client, jobs = app.test_client(), jobs_of(app)
    for body in (next(bodies), next(bodies)):
        submit(client, body, **ONE)
    refused(client, next(bodies))
    time.sleep(1.1)
    for task in jobs.huey.read_schedule():
        jobs.huey.execute(task)
    work(jobs)
    submit(client, next(bodies), **ONE)


def test_refused_job_costs_no_quota(open_app, bodies):
    client = open_app(2).test_client()
    for body in (next(bodies), next(bodies)):
        reply = client.post(EXPLAIN, json=body, headers=LATER | ONE)
    before = left(reply)[0]
    refused(client, next(bodies))
    one_row = {"instances": next(bodies)["instances"]}
    reply = client.post(PREDICT, json=one_row, headers=ONE)
    assert left(reply)[0] == before - 1


def test_requests_at_once_get_no_more_places_than_there_are(open_app, bodies):
    """First of an empty queue, and then of one whose places were had before."""
    apps = open_app(3), open_app(3)
    clients = [app.test_client() for app in apps] * 6

    def ask(client, body):
        return client.post(EXPLAIN, json=body, headers=LATER | ONE).status_code

    with ThreadPoolExecutor(len(clients)) as threads:
        for _ in range(5):
            asked = list(itertools.islice(bodies, len(clients)))
            statuses = list(threads.map(ask, clients, asked))
            assert set(statuses) == {202, 429}
            # Who finds a place locked is refused too: those ask again, one by one.
            while ask(clients[0], next(bodies)) == 202:
                statuses.append(202)
            assert statuses.count(202) == 3
            assert jobs_of(apps[0]).huey.pending_count() == 3
            work(jobs_of(apps[1]))


def test_request_that_died_keeps_a_place_for_some_seconds_alone(open_app, bodies):
    """It had locked the place; one place of two is missing until that is noticed."""
    app = open_app(2)
    client, storage = app.test_client(), jobs_of(app).huey.storage
    storage.put_data("place:one:0:lock", str(time.time()).encode())
    submit(client, next(bodies), **ONE)
    refused(client, next(bodies))
    storage.put_data("place:one:0:lock", str(time.time() - 1 - LOCK_S).encode())
    refused(client, next(bodies))
    submit(client, next(bodies), **ONE)
    refused(client, next(bodies))


def test_without_keys_the_bound_is_that_of_the_queue(bundles, tmp_path, bodies):
    url = f"sqlite:///{tmp_path}/jobs"
    settings = Settings(bundles=bundles, jobs_url=url, jobs_per_key=1)
    client = create_app(settings).test_client()
    assert len({submit(client, next(bodies)) for _ in range(3)}) == 3
