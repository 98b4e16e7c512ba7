"""However many workers die, what they counted stays, in as few files as before."""

import contextlib
import os
import re
import resource
import signal

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from api.metric_files import ROOM_BYTES, AllWorkers, add_up, reserve
from tests.api.asking import Asking
from tests.api.processes import wait_until
from tests.api.test_server import PREDICT, metrics_directory

KILLS = int(os.environ.get("KILLS", "2"))
"""How many workers die while others ask for the metrics; 50 in docs/operations.md."""

KINDS = ("counter", "histogram", "summary", "gauge_max", "gauge_livemax")
TOTAL = re.compile(r"^leafpath_requests_total\{.*:predict.*\} (\S+)$", re.MULTILINE)


def write(directory, worker, count):
    """Let a worker say something in every kind of file."""
    said = {
        "counter": [("asked", "asked_total", "of", "all")],
        "gauge_max": [("last", "last", "of", "all")],
        "gauge_livemax": [("served", "served", "of", "all")],
        "histogram": [("late", "late_bucket", "le", le) for le in ("0.1", "+Inf")],
        "summary": [("took", f"took_{end}", "of", "all") for end in ("sum", "count")],
    }  # fmt: skip
    for kind, samples in said.items():
        file = MmapedDict(str(directory / f"{kind}_{worker}.db"))
        for name, sample, label, value in samples:
            file.write_value(mmap_key(name, sample, [label], [value], "."), count, 0.0)
            if kind != "histogram":
                own = mmap_key(name, sample, [label], [f"only-{worker}"], ".")
                file.write_value(own, count, 0.0)
        file.close()
    assert {path.name for path in directory.glob(f"*_{worker}.db")} == {
        f"{kind}_{worker}.db" for kind in KINDS
    }


def told(directory, collector=None):
    """The lines of what is scraped; by default by prometheus-client's reader."""
    registry = CollectorRegistry()
    registry.register(collector or MultiProcessCollector(None, str(directory)))
    return sorted(generate_latest(registry).decode().splitlines())


def test_sums_are_those_of_the_single_files(tmp_path):
    apart, together = tmp_path / "apart", tmp_path / "together"
    for directory in (apart, together):
        directory.mkdir()
    for worker in range(100, 106):
        for directory in (apart, together):
            write(directory, worker, worker * 1.5)
        if worker < 105:  # its successor is not there yet
            (apart / f"gauge_livemax_{worker}.db").unlink()
            add_up(together, ())
    assert told(together, AllWorkers(together)) == told(together) == told(apart)
    assert len(list(together.iterdir())) == len(KINDS) + len(KINDS) - 1
    assert max(path.stat().st_size for path in together.glob("*_dead.db")) < 2**16


def test_a_worker_that_has_its_room_counts_there(tmp_path):
    reserve(tmp_path, 7)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {f"{kind}_7.db": n for kind, n in ROOM_BYTES.items()}
    assert all(p.stat().st_blocks * 512 >= p.stat().st_size for p in tmp_path.iterdir())
    (tmp_path / "apart").mkdir()
    for directory in (tmp_path, tmp_path / "apart"):
        write(directory, 7, 1.5)
    assert told(tmp_path) == told(tmp_path / "apart")
    assert {p.name: p.stat().st_size for p in tmp_path.glob("*.db")} == sizes


def test_without_room_no_file_is_left(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            reserve(tmp_path, 7)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_files_of_the_living_are_left_alone(tmp_path):
    write(tmp_path, 1, 1.0)
    write(tmp_path, 2, 2.0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    add_up(tmp_path, {1, 2, 3})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_room_everything_still_counts(tmp_path):
    write(tmp_path, 1, 1.0)
    add_up(tmp_path, ())
    write(tmp_path, 2, 2.0)
    (tmp_path / "gauge_livemax_2.db").unlink()
    before, (soft, hard) = told(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            add_up(tmp_path, ())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told(tmp_path) == before
    add_up(tmp_path, ())
    assert told(tmp_path) == before
    assert not list(tmp_path.glob("*_2.db"))


def held(directory):
    """How many files lie there, and the bytes that they take."""
    found = [path.stat() for path in directory.iterdir()]
    return len(found), sum(one.st_blocks * 512 for one in found)


def test_killed_workers_leave_their_counts_and_no_files(start, instances):
    server = start()
    directory, answered = metrics_directory(server.workers()[0]), 0

    def predict(count):
        for _ in range(count):
            reply = server.post(PREDICT, json={"instances": instances[:1]})
            assert reply.status_code == 200
        return count

    def scrape():
        with contextlib.suppress(requests.RequestException):  # its worker was killed
            reply = server.get("/metrics")
            assert reply.status_code == 200, reply.text
            return sum(map(float, TOTAL.findall(reply.text)))
        return answered

    def kill_one():
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(
            lambda: (
                len(set(server.workers()) - {victim}) == 2
                and server.all_workers_serve()
            ),
            what="another worker",
        )

    for _ in range(4):
        answered += predict(10)
        kill_one()
        assert scrape() == answered
    before = held(directory)
    assert before[0] <= 3 * len(KINDS) + 1  # and the master's
    # Reading and adding up at once: no count is missing or there twice.
    with Asking(scrape, clients=2) as asking:
        for _ in range(KILLS):
            kill_one()
    assert set(asking.answers) == {answered}
    kill_one()  # what could not be added up while somebody read
    after = held(directory)
    print(f"{before} and after {KILLS} kills, {len(asking.answers)} scrapes: {after}")
    assert after[0] == before[0]
    assert after[1] <= before[1] + 16 * 4096
