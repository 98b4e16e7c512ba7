"""Every request leaves one line that no client can forge."""

import json
import subprocess
import sys

import pytest
import requests

from tests.api.processes import ROOT, free_port, wait_until
from tests.api.test_access import bearer
from tests.api.test_access import line as key_line
from tests.api.test_server import reload

PREDICT = "/v1/models/breast-cancer:predict"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def lines_of(server, request_id):
    return [x for x in server.log_lines() if x.get("request_id") == request_id]


def test_line_says_what_was_asked_and_how_it_ended(server, instances):
    reply = server.post(
        PREDICT,
        json={"instances": instances[:1]},
        headers={"X-Request-Id": "one.two-3", "traceparent": TRACE},
    )
    assert reply.headers["X-Request-Id"] == "one.two-3"
    assert reply.headers["traceparent"] == TRACE
    wait_until(lambda: lines_of(server, "one.two-3"))
    (line,) = lines_of(server, "one.two-3")
    assert line["event"] == "request"
    assert line["route"] == "/v1/models/{model}:predict"
    assert (line["method"], line["status"]) == ("POST", 200)
    assert line["model"] == "breast-cancer"
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert line["bytes_out"] == len(reply.content)
    assert line["duration_ms"] > 0


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", 'x"y', "<b>", "a/b", "é"])
def test_id_that_is_not_clean_is_replaced(server, given):
    reply = server.get("/v2/health/live", headers={"X-Request-Id": given.encode()})
    assert reply.headers["X-Request-Id"] != given
    assert len(reply.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    "given",
    ["00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x", TRACE.upper(), TRACE + "-more"],
)
def test_trace_that_is_not_one_is_ignored(server, given):
    reply = server.get("/v2/health/live", headers={"traceparent": given})
    assert "traceparent" not in reply.headers


def test_no_client_can_write_a_line_of_its_own(server, instances):
    forged = '\n{"event":"request","status":200,"forged":true}\n'
    quoted = requests.utils.quote(forged)
    server.get(f"/v1/models/{quoted}")
    server.get(f"/{quoted}", headers={"User-Agent": forged.replace("\n", " ").strip()})
    server.post(PREDICT, json={"instances": [{forged: 1}]})
    server.raw(b"GET /\x0b{} HTTP/1.1\r\nHost: [::1]\r\n\r\n")
    server.raw(b'BREW\x1b / {"forged":true} HTTP/1.1\r\nHost: [::1]\r\n\r\n')
    for line in server.log.read_bytes().splitlines():
        assert "forged" not in json.loads(line)


def test_neither_bodies_nor_keys_are_logged(server):
    body = {"instances": [["a-secret-in-the-body"]]}
    server.post(PREDICT, json=body, headers={"Authorization": "Bearer a-secret-key"})
    text = server.log.read_text()
    assert "a-secret" not in text


def test_no_secret_is_logged_whatever_fails(start, tmp_path, instances):
    """Keys, passwords and secrets, while Redis is down and a file of keys is bad."""
    secrets = [f"hunter{i}-secret" for i in range(6)]
    key, wrong, cache, jobs, seal, plain = secrets
    keys, seal_file = tmp_path / "keys", tmp_path / "seal"
    keys.write_text(key_line("lab", key, "*"))
    seal_file.write_text(seal * 2)
    server = start(
        api_keys_file=keys,
        cache_key_file=seal_file,
        cache_url=f"redis://leafpath:{cache}@127.0.0.1:{free_port()}",
        jobs_url=f"redis-sentinel://leafpath:{jobs}@127.0.0.1:{free_port()}#primary",
    )
    body = {"instances": instances[:1], "explanations": ["lime"]}
    path = "/v1/models/breast-cancer:explain"
    for text in (key, wrong):
        for more in ({}, {"Prefer": "respond-async"}):
            server.post(path, json=body, headers=bearer(text) | more)
            server.get(f"/metrics?key={text}", headers=bearer(text))
    keys.write_text(key_line("lab", key, f"* {plain}"))
    reload(server)
    assert server.get("/v1/models", headers=bearer(key)).status_code == 200
    events = {str(x["event"]) for x in server.log_lines()}
    assert events >= {"redis cache failed", "jobs cannot be kept", "keys refused"}
    log = server.log.read_text()
    assert [secret for secret in secrets if secret in log] == []


def test_log_that_cannot_be_written_costs_no_answer(bundles):
    """As on a full disk: the kernel refuses every line."""
    program = (
        "from pathlib import Path; from api.app import create_app; "
        "from api.settings import Settings; "
        f"client = create_app(Settings(bundles=Path({str(bundles)!r}))).test_client(); "
        "print([client.get('/v1/models').status_code for _ in range(3)])"
    )
    with open("/dev/full", "wb", buffering=0) as full:
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=full,
        )  # fmt: skip
    assert ran.stdout.strip() == b"[200, 200, 200]"
