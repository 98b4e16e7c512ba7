"""A full disk, and a root that cannot be written: answers go on, and jobs say so.

The server runs in a mount namespace of its own, with a small file system as TMPDIR.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.processes import ROOT, Server, free_port, mapped, wait_until

EXPLAIN = "/v1/models/breast-cancer:explain"
PREDICT = "/v1/models/breast-cancer:predict"
LATER = {"Prefer": "respond-async"}
ENTER = ["unshare", "--map-root-user", "--mount"]
READ_ONLY = "mount --make-rprivate / && mount -o remount,ro,bind / && "
SMALL = 'mount -t tmpfs -o size=8m none "$TMPDIR" && '
FULL_MEMORY = (
    "mount -t tmpfs -o size=16m none /dev/shm && "
    "! cat /dev/zero 2>/dev/null >/dev/shm/filler && "
)


@pytest.fixture
def start_within(bundles, tmp_path):
    """Start servers after some mounts that they alone see; TMPDIR is in tmp_path."""
    if subprocess.run([*ENTER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a mount namespace")
    running = []

    def start(mounts):
        (tmp_path / "scratch").mkdir()
        port, log = free_port(), tmp_path / "log"
        kept = {n: v for n, v in os.environ.items() if not n.startswith("LEAFPATH_")}
        environment = kept | {
            "TMPDIR": str(tmp_path / "scratch"),
            "LEAFPATH_BUNDLES": str(bundles),
            "LEAFPATH_BIND": f"127.0.0.1:{port}",
            "LEAFPATH_WORKERS": "2",
        }
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*ENTER, "sh", "-c", mounts + 'exec "$0" -m leafpath serve',
                 sys.executable],
                env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=stream,
            )  # fmt: skip
        running.append(Server(process, port, log))
        wait_until(running[-1].is_ready, what="a ready server")
        wait_until(lambda: two_serve(running[-1]), what="the other workers")
        return running[-1]

    yield start
    for server in running:
        server.stop()


def all_answer(server, instances):
    for path in (PREDICT, EXPLAIN):
        reply = server.post(path, json={"instances": instances[:2]})
        assert reply.status_code == 200, reply.text
    lime = {"instances": instances[:1], "explanations": ["lime"]}
    assert server.post(EXPLAIN, json=lime).status_code == 200


def hang_up(server):
    old = set(server.workers())
    server.signal(signal.SIGHUP)
    wait_until(lambda: not old & set(server.workers()), what="new workers")
    wait_until(lambda: two_serve(server), what="two workers")


def two_serve(server):
    """Whether two workers have their models; without room they have no counters."""
    files = [mapped(pid) for pid in server.workers()]
    return len(files) == 2 and all("onnxruntime" in one for one in files)


def free(server, holds):
    found = re.search(
        rf'^leafpath_disk_free_ratio{{holds="{holds}"}} (\S+)$',
        server.get("/metrics").text,
        re.MULTILINE,
    )
    return float(found[1])


def submit(server, instances, seed):
    body = {"instances": instances[:1], "explanations": ["lime"], "seed": seed}
    return server.post(EXPLAIN, json=body, headers=LATER)


def is_done(server, reply):
    job = server.get(reply.headers["Location"])
    return job.status_code == 200 and job.json()["state"] == "done"


def fill(server, directory):
    """Fill the file system that the server sees there; returns the file to remove."""
    filler = Path(f"/proc/{server.process.pid}/root{directory}/filler")
    with filler.open("wb", buffering=0) as stream:
        for size in (65_536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(b"x" * size)
    assert os.statvfs(filler).f_bavail == 0
    return filler


def test_full_disk_costs_no_answer_and_jobs_come_back(
    start_within, instances, tmp_path
):
    server = start_within(SMALL)
    first = submit(server, instances, 1)
    wait_until(lambda: is_done(server, first), what="the first job")
    assert free(server, "jobs") > 0.05
    filler = fill(server, tmp_path / "scratch")
    assert free(server, "jobs") == free(server, "copies") == 0
    assert free(server, "metrics") > 0
    all_answer(server, instances)
    refused = submit(server, instances, 2)
    assert refused.status_code == 503, refused.text
    assert refused.json()["type"] == "/problems/jobs-unavailable"
    hang_up(server)  # without room for copies of what it serves
    all_answer(server, instances)
    assert server.get("/metrics").status_code == 200
    filler.unlink()
    wait_until(lambda: submit(server, instances, 2).status_code == 202, what="room")
    again = submit(server, instances, 2)
    wait_until(lambda: is_done(server, again), what="the job")
    told = {line["event"] for line in server.log_lines()}
    assert "jobs cannot be kept" in told
    assert "unexpected error" not in told


def test_without_room_for_metrics_workers_live_and_answer(start_within, instances):
    """Writing to mapped memory that has none would kill each as it starts."""
    server = start_within(FULL_MEMORY)
    assert free(server, "metrics") == 0
    workers = set(server.workers())
    for _ in range(5):
        all_answer(server, instances)
    assert set(server.workers()) == workers
    os.kill(min(workers), signal.SIGKILL)
    wait_until(lambda: min(workers) not in server.workers() and two_serve(server))
    all_answer(server, instances)
    told = server.get("/metrics").text
    assert "leafpath_requests_total{" not in told
    assert "leafpath_jobs_reachable 1.0" in told  # what no worker counts is there
    events = {line["event"] for line in server.log_lines()}
    assert "no room for metrics: what this worker does is not counted" in events
    assert "unexpected error" not in events
    Path(f"/proc/{server.process.pid}/root/dev/shm/filler").unlink()
    hang_up(server)
    all_answer(server, instances)
    told = server.get("/metrics").text
    assert "leafpath_requests_total{" in told
    assert 'leafpath_worker_deaths_total{reason="killed"} 1.0' in told


def test_read_only_root_with_a_temporary_directory_loses_nothing(
    start_within, instances
):
    server = start_within(READ_ONLY + SMALL)
    all_answer(server, instances)
    hang_up(server)
    all_answer(server, instances)
    job = submit(server, instances, 1)
    assert job.status_code == 202
    wait_until(lambda: is_done(server, job), what="the job")


def test_without_any_directory_jobs_alone_are_refused(start_within, instances):
    server = start_within(READ_ONLY)
    all_answer(server, instances)
    refused = submit(server, instances, 1)
    assert refused.status_code == 503, refused.text
    assert refused.json()["type"] == "/problems/jobs-unavailable"
    hang_up(server)
    all_answer(server, instances)
    assert "leafpath_jobs_reachable 0.0" in server.get("/metrics").text
