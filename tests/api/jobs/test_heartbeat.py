"""The probe of `leafpath work` finds it well while it can compute, and only then."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from api.jobs.heartbeat import EVERY_S
from api.jobs.job import JobRequest
from api.jobs.jobs import Jobs
from api.jobs.worker import WorkerConsumer
from api.settings import Settings
from tests.api.processes import ROOT, wait_until
from tests.deploy.deployed import SERVICES

START_S, BEAT_S = 60, 10 * EVERY_S
MINUTES_AGO = 3 * 60


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "tmp"
    directory.mkdir()
    return directory


@pytest.fixture
def probe(place):
    """Run what compose.yaml asks the container of the worker."""
    kind, command = SERVICES["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    own = command.replace("/tmp/", f"{place}/")
    assert own != command

    def is_well() -> bool:
        return (
            subprocess.run(["sh", "-c", own], stderr=subprocess.DEVNULL).returncode == 0
        )

    return is_well


@pytest.fixture
def worker(place, bundles, redis_server, probe):
    environment = os.environ | {
        "LEAFPATH_BUNDLES": str(bundles),
        "LEAFPATH_JOBS_URL": redis_server.url,
        "TMPDIR": str(place),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "leafpath", "work"], cwd=ROOT, env=environment,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(probe, START_S, what="a first beat")
        yield process
    finally:
        process.kill()
        process.wait(10)


def make_old(place):
    (file,) = place.glob("leafpath-*/worker-*")
    then = time.time() - MINUTES_AGO
    os.utime(file, (then, then))


def test_a_worker_that_stands_still_is_found_ill_and_well_again(worker, probe, place):
    worker.send_signal(signal.SIGSTOP)
    make_old(place)
    time.sleep(1)
    assert not probe()
    worker.send_signal(signal.SIGCONT)
    wait_until(probe, BEAT_S, what="another beat")
    worker.terminate()
    assert worker.wait(10) == 0
    assert list(place.glob("leafpath-*/worker-*")) == []


def test_a_queue_that_is_down_is_no_fault_of_the_worker(
    worker, probe, place, redis_server
):
    redis_server.stop()
    time.sleep(1)
    make_old(place)
    wait_until(probe, BEAT_S, what="a beat without a queue")
    assert worker.poll() is None


def test_steps_of_a_job_beat_and_a_step_without_end_does_not(tmp_path):
    beats, stuck, release = [], threading.Event(), threading.Event()

    def answer(request, watch):
        watch(1)
        watch(1)
        stuck.set()
        assert release.wait(30)
        return b"{}"

    jobs = Jobs(Settings(jobs_url=f"sqlite:///{tmp_path}/jobs"), answer)
    jobs.beat = lambda: beats.append(time.monotonic())
    request = JobRequest(
        owner="", model="m", version="1", digest="d", body=b"{}", total=2,
        request_id="r", created_at=time.time(), expires_at=time.time() + 60,
    )  # fmt: skip
    jobs.submit("one", request)
    ((worker, _),) = WorkerConsumer(jobs).worker_threads
    turn = threading.Thread(target=worker.loop)
    turn.start()
    assert stuck.wait(30)
    assert len(beats) == 3  # the turn, and each step
    time.sleep(0.3)
    assert len(beats) == 3
    release.set()
    turn.join(30)
    assert jobs.find("one", "").state == "done"
