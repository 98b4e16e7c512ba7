"""The real server: gunicorn, two workers, signals, sockets and memory."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import orjson
import pytest
import requests

from api.app import create_app
from api.settings import Settings
from tests.api.asking import Asking
from tests.api.processes import METRICS, ROOT, mapped, wait_until
from tests.api.small_bundles import write_cancer

EXPLAIN = "/v1/models/breast-cancer:explain"
PREDICT = "/v1/models/breast-cancer:predict"
STOP_S = 5


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:
        return False


def metrics_directory(worker: int) -> Path:
    """Where a worker keeps what it counted: it has the files mapped."""
    (first, *_) = (line for line in mapped(worker).splitlines() if METRICS in line)
    return Path(first.split()[-1]).parent


def body_of(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def answers_everywhere(start, redis_server, body):
    """Ask over workers, connections, a restart, with the cache on, shared and off."""
    answers, outcomes = set(), set()
    for settings in ({}, {"cache_url": redis_server.url}, {"cache_bytes": 0}):
        server = start(**settings)
        workers = set(server.workers())
        for number in range(50):
            if number == 25:
                server.signal(signal.SIGHUP)
                wait_until(lambda w=workers, s=server: not w & set(s.workers()))
            wish = {"Cache-Control": "no-cache"} if number % 10 == 0 else {}
            reply = server.post(EXPLAIN, json=body, headers=wish)
            answers.add(reply.content)
            outcomes.add(reply.headers["X-Cache"])
    return answers, outcomes


def test_one_question_has_one_answer_everywhere(
    start, redis_server, instances, model, client
):
    asked = ["tree_path", "integrated_gradients", {"method": "smoothgrad", "seed": 7}]
    body = {"instances": instances[:1], "explanations": asked, "seed": 3}
    answers, outcomes = answers_everywhere(start, redis_server, body)
    answers.add(client.post(EXPLAIN, json=body).data)
    assert len(answers) == 1
    assert outcomes == {"hit", "miss", "bypass"}
    alone = orjson.loads(answers.pop())["explanations"][0]
    batch = client.post(EXPLAIN, json=body | {"instances": instances}).json
    assert batch["explanations"][0] == alone


def test_stop_is_quick_and_leaves_nothing_behind(start, instances):
    server = start()
    before = server.workers()
    server.signal(signal.SIGHUP)
    wait_until(lambda: not set(before) & set(server.workers()))
    wait_until(lambda: len(server.workers()) == 2 and server.all_workers_serve())
    body = {"instances": instances[:1]}
    with requests.Session() as session:  # a connection that stays open
        assert session.post(server.url + PREDICT, json=body).status_code == 200
        workers = [*before, *server.workers()]
        directory = metrics_directory(workers[-1])
        assert directory.is_dir()
        assert server.stop() < STOP_S
    assert server.process.returncode == 0
    assert not [pid for pid in workers if alive(pid)]
    assert not directory.exists()
    messages = " ".join(str(line["event"]) for line in server.log_lines())
    assert "SIGKILL" not in messages
    assert "SIGABRT" not in messages


def test_reload_serves_the_new_bundle_and_loses_no_request(start, tmp_path, instances):
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    old = write_cancer(bundles / "b", version="1")
    server = start(bundles)

    def ask():
        reply = server.post(PREDICT, json={"instances": instances[:1]})
        return reply.status_code, reply.json()["model"]["digest"]

    with Asking(ask) as asking:
        new = write_cancer(bundles / "b", version="2")
        server.signal(signal.SIGHUP)
        wait_until(lambda: asking.answers[-20:] == [(200, new)] * 20)
    assert set(asking.answers) == {(200, old), (200, new)}
    text = server.get("/metrics").text
    assert f'digest="{new}",model="breast-cancer"' in text
    wait_until(lambda: f'digest="{old}"' not in server.get("/metrics").text)


def reload(server) -> None:
    """Send HUP and wait until all workers are new ones and ready."""
    old = set(server.workers())
    server.signal(signal.SIGHUP)
    wait_until(lambda: not old & set(server.workers()))
    wait_until(lambda: len(server.workers()) == 2 and server.is_ready())


def digest_of(server) -> str | None:
    reply = server.get("/v1/models/breast-cancer")
    return reply.json()["digest"] if reply.ok else None


def test_bad_bundle_leaves_the_old_one_serving_whatever_dies(start, tmp_path):
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    old = write_cancer(bundles / "b", version="1")
    server = start(bundles)
    new = write_cancer(bundles / "b", version="2")
    graph = bundles / "b" / "predict.onnx"
    good = graph.read_bytes()
    graph.write_bytes(good[:-1])
    for _ in range(2):
        reload(server)
        for victim in server.workers():  # and a new worker serves the old one too
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda v=victim: len(set(server.workers()) - {v}) == 2)
        wait_until(server.is_ready)
        assert {digest_of(server) for _ in range(20)} == {old}
    told = server.get("/v2/health/ready").json()["models"]
    assert [(one["name"], one["ready"], one["digest"]) for one in told] == [
        ("breast-cancer", True, old),
        ("b", False, None),
    ]
    assert "predict.onnx: " in told[1]["reason"]
    assert f"{old} is served as before" in told[1]["reason"]
    text = server.get("/metrics").text
    assert "leafpath_bundles_refused 1.0" in text
    assert "leafpath_bundles_outdated 1.0" in text
    lines = [x for x in server.log_lines() if x["event"] == "bundle refused"]
    assert len(lines) == 2  # one a reload
    assert {line["bundle"] for line in lines} == {"b"}
    assert all("predict.onnx: " in line["reason"] for line in lines)
    graph.write_bytes(good)
    assert digest_of(server) == old
    reload(server)
    assert {digest_of(server) for _ in range(20)} == {new}
    wait_until(lambda: "leafpath_bundles_outdated 0.0" in server.get("/metrics").text)


def answers_while_swapped(start, redis_server, bundles, instances, swaps):
    """Let two models that contradict each other take turns under load, with one cache.

    Returns the two whole answers, and all that came: status and content.
    """
    bundles.mkdir()
    asked = ["tree_path", "integrated_gradients"]
    body, whole = {"instances": instances[:1], "explanations": asked}, set()
    for seed in (0, 1):
        write_cancer(bundles / "b", seed=seed)
        client = create_app(Settings(bundles=bundles)).test_client()
        whole.add(client.post(EXPLAIN, json=body).data)
    server = start(bundles, cache_url=redis_server.url, cache_bytes=0)

    def ask():
        reply = server.post(EXPLAIN, json=body)
        return reply.status_code, reply.content

    with Asking(ask) as asking:
        for number in range(swaps):
            write_cancer(bundles / "b", seed=number % 2)
            reload(server)
    return whole, asking.answers


def test_bundles_that_are_swapped_under_load_are_never_mixed(
    start, redis_server, tmp_path, instances
):
    whole, answers = answers_while_swapped(
        start, redis_server, tmp_path / "bundles", instances, swaps=4
    )
    assert len(whole) == 2
    assert set(answers) == {(200, answer) for answer in whole}


def test_directories_of_a_server_are_gone_with_it(start):
    server = start()
    kept = set(Path(tempfile.gettempdir()).glob("leafpath-bundles-*"))
    server.stop()
    left = set(Path(tempfile.gettempdir()).glob("leafpath-bundles-*"))
    assert len(kept - left) >= 1


def test_killed_worker_is_replaced(start, instances):
    server = start()
    victim = server.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(set(server.workers()) - {victim}) == 2)
    reply = server.post(PREDICT, json={"instances": instances[:1]})
    assert reply.status_code == 200


def test_metrics_are_the_sum_over_workers(start, instances):
    server = start()
    for _ in range(40):
        assert server.post(EXPLAIN, json={"instances": instances[:2]}).ok
    text = server.get("/metrics").text
    route = 'method="POST",route="/v1/models/{model}:explain",status="200"'
    assert f"leafpath_requests_total{{{route}}} 40.0" in text
    agreement = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("leafpath_tree_agreement_total{")
    ]
    assert sum(agreement) == 80
    assert text.count("leafpath_bundle_info{") == 2
    assert "pid=" not in text


def test_serving_needs_neither_torch_nor_the_trainer(bundles):
    program = (
        "import sys; from pathlib import Path; from api.app import create_app; "
        "from api.settings import Settings; "
        f"app = create_app(Settings(bundles=Path({str(bundles)!r}))); "
        "app.test_client().get('/docs'); "
        "print([m for m in ('torch', 'sklearn', 'scipy', 'onnx', 'pandas', 'trainer') "
        "if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True
    )
    assert ran.stdout.strip() == b"[]"


def test_memory_of_two_workers(server, record_property, instances, capsys):
    for _ in range(50):
        server.post(EXPLAIN, json={"instances": instances})
    total = {"Rss": 0, "Pss": 0}
    for pid in (server.process.pid, *server.workers()):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in total:
                total[name] += int(rest.split()[0]) // 1024
    with capsys.disabled():
        print(f"\nmaster and 2 workers: RSS {total['Rss']} MB, PSS {total['Pss']} MB")
    assert total["Pss"] < 200
    assert total["Rss"] < 300


WIRE = [
    (b"NONSENSE\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
    (b"GET / HTTP/1.1\r\nHost: [::1]\r\nHost: y\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\nHost: [::1]\r\n\r\n", 400),
    (b"GET /%s HTTP/1.1\r\nHost: [::1]\r\n\r\n" % (b"a" * 5000), 414),
    (b"GET / HTTP/1.1\r\nHost: [::1]\r\n%s\r\n" % (b"A: b\r\n" * 100), 431),
    (b"GET / HTTP/1.1\r\nHost: [::1]\r\nA: %s\r\n\r\n" % (b"b" * 9000), 431),
    (b"GET / HTTP/1.1\r\nHost: [::1]\r\nExpect: tea\r\n\r\n", 417),
    (b"BREW / HTTP/1.1\r\nHost: [::1]\r\n\r\n", 405),
    (b"TRACE / HTTP/1.1\r\nHost: [::1]\r\n\r\n", 405),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\n\r\n", 400),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 9\r\n\r\n{}", 400),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 99999999\r\n\r\n{}", 413),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"2\r\n{}\r\n0\r\n\r\n", 411),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0x2\r\n{}\r\n0\r\n\r\n", 411),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    (b"POST %s HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 2\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET /v1/models/%%ff HTTP/1.1\r\nHost: [::1]\r\n\r\n", 404),
]  # fmt: skip
"""Bytes, ``%s`` where they take a path, and the status of their answer."""


@pytest.mark.parametrize(("request_", "status"), WIRE)
def test_whatever_comes_over_the_wire_is_answered_with_a_problem(
    server, request_, status
):
    if b"%s" in request_ or b"%%" in request_:
        request_ %= (PREDICT.encode(),) if b"%s" in request_ else ()
    answered, headers, body = body_of(server.raw(request_, timeout_s=3))
    problem = orjson.loads(body)
    assert (answered, problem["status"]) == (status, status), problem
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert problem["request_id"] == headers["x-request-id"]


def test_chunks_are_refused_whatever_their_size(server):
    """Flask would cut a chunked body at its limit, and answer 200 to the rest."""
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = b"POST %s HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n"
    try:
        raw = server.raw(head % PREDICT.encode() + chunk * 6 + b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return  # refused before all of it was sent
    assert body_of(raw)[0] == 411


def test_server_is_still_well_after_all_that(server, instances):
    reply = server.post(PREDICT, json={"instances": instances[:1]})
    assert reply.status_code == 200
    assert server.get("/v2/health/ready").status_code == 200


def test_slow_work_leaves_health_alive(server, instances):
    heavy = {
        "instances": instances[:20],
        "explanations": [{"method": "lime", "samples": 5000}],
    }
    threads = [
        threading.Thread(target=server.post, args=(EXPLAIN,), kwargs={"json": heavy})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    start = time.monotonic()
    assert server.get("/v2/health/live").json() == {"live": True}
    assert time.monotonic() - start < 5
    for thread in threads:
        thread.join()


def test_bad_bundle_beside_a_good_one_does_not_stop_the_server(
    start, bundles, tmp_path
):
    copy = tmp_path / "copy"
    shutil.copytree(bundles, copy)
    (copy / "mixed" / "predict.onnx").write_bytes(b"not what it was")
    server = start(copy)
    ready = server.get("/v2/health/ready").json()
    assert {b["name"]: b["ready"] for b in ready["models"]} == {
        "breast-cancer": True,
        "mixed": False,
    }
