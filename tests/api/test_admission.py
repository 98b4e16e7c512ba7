"""Costly work is done in turn and in the background; too much of it is refused."""

import os
import threading
import time
from collections import Counter

import pytest

from api.admission import NICENESS, CostlyWork
from api.app import create_app
from api.errors import RequestError
from api.settings import Settings
from explainers.deadlines import Deadline, within
from explainers.errors import DeadlineError
from tests.api.asking import Asking

EXPLAIN = "/v1/models/breast-cancer:explain"
PREDICT = "/v1/models/breast-cancer:predict"


@pytest.fixture
def busy():
    """Costly work whose thread is taken until the event is set."""
    costly, event = CostlyWork(requests=2), threading.Event()
    taken = threading.Thread(target=costly.run, args=(event.wait,))
    taken.start()
    time.sleep(0.05)
    yield costly, event
    event.set()
    taken.join()


def test_steps_are_computed_one_at_a_time_in_the_order_of_asking(busy):
    costly, event = busy
    order, running = [], []

    def step(number):
        running.append(number)
        time.sleep(0.01)
        order.append(number)
        return running.remove(number) or len(running)

    others = []

    def ask(number):
        others.append(costly.run(lambda: step(number)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    event.set()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
    assert others == [0] * 5


def test_deadline_that_passes_in_the_queue_ends_the_wait_and_nothing_runs(busy):
    costly, event = busy
    ran = threading.Event()
    start = time.monotonic()
    with within(Deadline(0.1)), pytest.raises(DeadlineError):
        costly.run(ran.set)
    assert time.monotonic() - start < 0.2
    event.set()
    costly.run(lambda: None)
    assert not ran.is_set()


def test_costly_work_has_a_lower_priority_and_others_keep_theirs():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    costly = CostlyWork(requests=1)
    there = costly.run(lambda: os.getpriority(os.PRIO_PROCESS, 0))
    assert there == max(before, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_costly_work_leaves_the_thread_of_its_request_and_quick_work_does_not(
    bundles, instances
):
    client = create_app(Settings(bundles=bundles, cache_bytes=0)).test_client()

    def threads_after(explanation):
        before = set(threading.enumerate())
        body = {"instances": instances[:1], "explanations": [explanation]}
        assert client.post(EXPLAIN, json=body).status_code == 200
        new = set(threading.enumerate()) - before
        return [thread.name for thread in new if thread.name.startswith("costly")]

    assert threads_after("gradient") == []
    assert threads_after({"method": "lime", "samples": 5000}) == ["costly_0"]


def test_more_requests_than_may_are_refused_at_once():
    costly = CostlyWork(requests=2)
    with costly.admitted(), costly.admitted():
        with pytest.raises(RequestError) as refused, costly.admitted():
            pass
        assert int(refused.value.headers["Retry-After"]) >= 1
    with costly.admitted():
        pass


def predict_s(server, body):
    start = time.monotonic()
    assert server.post(PREDICT, json=body).status_code == 200
    return time.monotonic() - start


def lime_without_a_pause(server, instances):
    """More of the dearest requests than there are threads; refused ones are patient."""
    dear = {
        "instances": instances[:20],
        "explanations": [{"method": "lime", "samples": 10_000, "discretize": True}],
    }

    def explain():
        reply = server.post(EXPLAIN, json=dear, headers={"Cache-Control": "no-store"})
        if reply.status_code == 503:
            time.sleep(float(reply.headers.get("Retry-After", 0)))
        return reply

    return Asking(explain, clients=12)


def test_predictions_do_not_wait_behind_lime(server, instances, record_property):
    one = {"instances": instances[:1]}
    alone = sorted(predict_s(server, one) for _ in range(100))
    with lime_without_a_pause(server, instances) as asking:
        time.sleep(0.5)
        beside = sorted(predict_s(server, one) for _ in range(100))
    record_property("p99_ms", [1000 * alone[98], 1000 * beside[98]])
    replies = asking.answers
    statuses = Counter(reply.status_code for reply in replies)
    assert set(statuses) == {200, 503}, statuses
    refused = [reply for reply in replies if reply.status_code == 503]
    assert all(reply.headers["Retry-After"] == "1" for reply in refused)
    assert refused[0].json()["type"] == "/problems/overloaded"
    # Behind one LIME alone a prediction would wait for half a second.
    assert beside[98] < 3 * alone[98] + 0.1, (alone[98], beside[98])
    assert beside[50] < 3 * alone[50] + 0.02, (alone[50], beside[50])


def test_quick_work_is_never_refused(server, instances):
    """Many more clients at once than threads, each with integrated gradients."""
    body = {"instances": instances[:1], "explanations": ["integrated_gradients"]}
    statuses = Counter()

    def explain():
        for _ in range(20):
            wish = {"Cache-Control": "no-store"}
            statuses[server.post(EXPLAIN, json=body, headers=wish).status_code] += 1

    threads = [threading.Thread(target=explain) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {200: 320}
