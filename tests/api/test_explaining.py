"""Explanations through the cache: when it is asked, and what it may never change."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest

from api.admission import CostlyWork
from api.app import create_app
from api.cache import Entry, NullCache
from api.cache.single_flight import SingleFlight, wait_for
from api.explaining import ExplanationService, is_cached
from api.explanation_requests import read_requests
from api.settings import Settings
from explainers.registry import EXPLAINERS, available
from tests.api.small_bundles import write_cancer

EXPLAIN = "/v1/models/breast-cancer:explain"


def ask(client, instances, *asked, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"instances": instances, "explanations": list(asked)}
    return client.post(EXPLAIN, json=body, headers=names)


def test_hit_in_memory_is_the_miss_byte_for_byte(client, instances):
    replies = [ask(client, instances[:2], "tree_path", "lime") for _ in range(3)]
    assert [r.headers["X-Cache"] for r in replies] == ["miss", "hit", "hit"]
    assert len({r.data for r in replies}) == 1


def test_cheap_explanations_pass_the_cache_by(client, instances):
    cheap = [name for name, method in EXPLAINERS.items() if not is_cached(method)]
    possible = [n for n in cheap if n not in ("grad_cam", "hires_cam", "layer_cam")]
    reply = ask(client, instances[:1], *possible[:8])
    assert reply.headers["X-Cache"] == "bypass"
    assert "Age" not in reply.headers


def test_client_may_ask_for_a_fresh_answer(client, instances):
    outcomes = [
        ask(client, instances[:1], "lime", Cache_Control=wish).headers["X-Cache"]
        for wish in ("no-store", "no-cache", "max-age=60", "No-Cache", "no-store")
    ]
    # no-store kept nothing, no-cache did: the third request finds it.
    assert outcomes == ["bypass", "bypass", "hit", "bypass", "bypass"]


def test_cache_of_no_bytes_keeps_nothing(bundles, instances):
    client = create_app(Settings(bundles=bundles, cache_bytes=0)).test_client()
    replies = [ask(client, instances[:1], "lime") for _ in range(2)]
    assert [r.headers["X-Cache"] for r in replies] == ["miss", "miss"]
    assert replies[0].data == replies[1].data


def test_age_is_the_oldest_ones(client, instances):
    ask(client, instances[:1], "smoothgrad")
    time.sleep(1.1)
    ask(client, instances[:2], "smoothgrad")
    assert ask(client, instances[1:2], "smoothgrad").headers["Age"] == "0"
    assert ask(client, instances[:2], "smoothgrad").headers["Age"] == "1"


@pytest.mark.parametrize("name", list(EXPLAINERS))
def test_answer_is_the_same_alone_in_a_batch_and_twice_in_it(
    client, model, instances, name
):
    if name not in available(model):
        assert ask(client, instances[:1], name).status_code == 422
        return

    def explanations(rows):
        reply = ask(client, rows, name, Cache_Control="no-store")
        return [of_instance[0] for of_instance in reply.json["explanations"]]

    together = explanations(instances[:8])
    assert [explanations([row])[0] for row in instances[:8]] == together
    assert explanations(instances[:8][::-1]) == together[::-1]
    assert explanations([instances[0]] * 3) == together[:1] * 3


def test_large_batches_are_computed_in_steps_with_the_same_answers(client, instances):
    wish = {"method": "smoothgrad", "samples": 1000}  # 16 instances a step
    rows = list(itertools.islice(itertools.cycle(instances), 40))
    together = ask(client, rows, wish).json["explanations"]
    alone = ask(client, rows[39:], wish, Cache_Control="no-store").json["explanations"]
    assert together[39:] == alone


class CountingMethod:
    """A method that is slow enough to be asked for twice, and counts its work."""

    def __init__(self, method):
        self.rows = 0
        self._method = method

    def explain(self, model, prediction, parameters):
        self.rows += len(prediction)
        time.sleep(0.2)
        return self._method.explain(model, prediction, parameters)


def test_equal_requests_at_the_same_time_are_computed_once(model):
    requests = read_requests(model, ["integrated_gradients"], None)
    counting = CountingMethod(requests[0].method)
    method = dataclasses.replace(requests[0].method, explain=counting.explain)
    requests = [dataclasses.replace(requests[0], method=method)]
    service = ExplanationService(NullCache(), CostlyWork(requests=8))
    prediction = model.predict(model.background[:4])
    answers = []

    def explain():
        explained = service.explain(model, prediction, requests)
        answers.append(explained.explanations)

    threads = [threading.Thread(target=explain) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting.rows == 4
    assert len(answers) == 8


def test_waiters_compute_for_themselves_when_the_first_fails():
    flights = SingleFlight()
    mine, theirs = flights.claim([b"a", b"b"])
    assert (mine, theirs) == ([b"a", b"b"], {})
    again, waiting = flights.claim([b"a", b"b", b"c"])
    assert again == [b"c"]
    flights.land(mine, {b"a": Entry(b"1", 0.0)})
    assert wait_for(waiting) == {b"a": Entry(b"1", 0.0)}
    assert flights.claim([b"b"])[0] == [b"b"]  # free again


def test_cache_of_one_model_never_answers_for_another(tmp_path, instances):
    write_cancer(tmp_path / "a", seed=0)
    write_cancer(tmp_path / "b", seed=1, name="other")
    client = create_app(Settings(bundles=tmp_path)).test_client()
    body = {"instances": instances[:1], "explanations": ["integrated_gradients"]}
    first = client.post("/v1/models/breast-cancer:explain", json=body)
    other = client.post("/v1/models/other:explain", json=body)
    assert other.headers["X-Cache"] == "miss"
    gradients = [
        np.float32(reply.json["explanations"][0][0]["attributions"])
        for reply in (first, other)
    ]
    assert not np.array_equal(*gradients)
