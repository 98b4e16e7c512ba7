"""deploy/nginx/leafpath.conf before real replicas: its bounds, and what it hides."""

import socket
import time

import pytest

from tests.api.processes import start_redis, start_server
from tests.api.small_bundles import write_cancer
from tests.deploy.programs import start_nginx

PREDICT = "/v1/models/breast-cancer:predict"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """nginx, two replicas of two workers, and the Redis that they share."""
    directory = tmp_path_factory.mktemp("site")
    bundles = directory / "bundles"
    bundles.mkdir()
    write_cancer(bundles / "b")
    cache = start_redis(directory)
    replicas = [
        start_server(directory, bundles, cache_url=cache.url, cache_bytes=0)
        for _ in range(2)
    ]
    nginx = start_nginx(directory, [replica.port for replica in replicas])
    yield nginx, replicas, cache
    for process in (nginx, *replicas, cache):
        process.stop()


@pytest.mark.parametrize(
    "path", ["/metrics", "//metrics", "/%6detrics", "/x/../metrics"]
)
def test_metrics_stay_inside(site, path):
    nginx, replicas, _ = site
    assert "leafpath_requests_total" in replicas[0].get("/metrics").text
    assert nginx.raw(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    ).startswith(b"HTTP/1.1 404 ")


def test_long_body_is_a_problem(site):
    reply = site[0].post(PREDICT, data=b"0" * (4 * 2**20 + 1))
    assert reply.status_code == 413
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json()["status"] == 413


def test_slow_senders_take_no_thread_of_a_replica(site):
    """More of them than both replicas have threads; predictions go on."""
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{{"
    slow = [socket.create_connection(("127.0.0.1", site[0].port)) for _ in range(40)]
    try:
        for sender in slow:
            sender.sendall(head.encode())
        time.sleep(0.2)
        assert site[0].post(PREDICT, json={"instances": [[1.0] * 30]}).ok
    finally:
        for sender in slow:
            sender.close()


def test_nobody_behind_is_a_problem_that_passes(site):
    nginx, replicas, _ = site
    for replica in replicas:
        replica.stop(timeout_s=40)
    reply = nginx.post(PREDICT, json={"instances": [[1.0] * 30]})
    assert reply.status_code == reply.json()["status"] == 503
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Retry-After"] == "1"
