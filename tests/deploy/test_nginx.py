"""deploy/nginx/leafpath.conf before real replicas: its bounds, and what it loses."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.api.processes import (
    ROOT,
    Server,
    free_port,
    start_redis,
    start_server,
    wait_until,
)
from tests.api.small_bundles import write_cancer

MAIN = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/leafpath.conf;
}}
"""
PREDICT = "/v1/models/breast-cancer:predict"
EXPLAIN = "/v1/models/breast-cancer:explain"
BODY = {"instances": [[1.0] * 30], "explanations": ["tree_path", "lime"]}


def start_nginx(directory, ports) -> Server:
    """Start nginx with the file as it is, but for the addresses; check it before."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise RuntimeError("nginx is not installed: sh tests/install_tools.sh")
    port = free_port()
    text = (ROOT / "deploy" / "nginx" / "leafpath.conf").read_text()
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    for number, replica in enumerate(ports, start=1):
        text = text.replace(f"api-{number}:8000", f"127.0.0.1:{replica}")
    directory.joinpath("leafpath.conf").write_text(text)
    main = directory / "nginx.conf"
    main.write_text(MAIN.format(directory=directory))
    command = [program, "-e", str(directory / "error.log"), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    nginx = Server(subprocess.Popen(command), port, directory / "error.log")
    wait_until(nginx.is_ready, what="nginx")
    return nginx


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """nginx, two replicas of two workers, and the Redis that they share."""
    directory = tmp_path_factory.mktemp("site")
    directory.chmod(0o755)
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


def test_parts_that_die_lose_no_request(site):
    """Sent are predictions and explanations, all along while the parts die."""
    nginx, (first, second), cache = site
    ended = threading.Event()

    def send() -> list[int]:
        statuses = []
        with requests.Session() as session:
            while not ended.is_set():
                path = (PREDICT, EXPLAIN)[len(statuses) % 2]
                body = BODY if path == EXPLAIN else {"instances": BODY["instances"]}
                reply = session.post(nginx.url + path, json=body, timeout=60)
                statuses.append(reply.status_code)
                time.sleep(0.05)  # stay below the limit of one address
        return statuses

    # A worker takes LEAFPATH_THREADS - 1 costly requests at a time and refuses more
    # with 503, so three senders are what one worker can always answer.
    with ThreadPoolExecutor(3) as senders:
        sent = [senders.submit(send) for _ in range(3)]
        try:
            time.sleep(1)
            os.kill(first.workers()[0], signal.SIGKILL)
            wait_until(lambda: len(first.workers()) == 2, what="another worker")
            time.sleep(1)
            cache.process.kill()
            time.sleep(1)
            second.stop(timeout_s=40)
            time.sleep(1)
        finally:
            ended.set()
    statuses = [status for future in sent for status in future.result()]
    print(f"sent {len(statuses)}, answered {statuses.count(200)}")
    assert len(statuses) > 20
    assert set(statuses) == {200}
    first.stop(timeout_s=40)
    reply = nginx.post(PREDICT, json={"instances": BODY["instances"]})
    assert reply.status_code == reply.json()["status"] == 503
    assert reply.headers["Retry-After"] == "1"
