"""A worker that dies is told of, whatever it died of; one that stops is not."""

import os
import re
import signal
import time

import requests

from tests.api.processes import wait_until

DEATHS = re.compile(r'^leafpath_worker_deaths_total\{reason="(\w+)"\} (\S+)$', re.M)


def deaths(server):
    text = server.get("/metrics").text
    return {reason: float(count) for reason, count in DEATHS.findall(text)}


def replaced(server, number):
    """Send a signal to a worker, and wait until another one serves in its place."""
    victim = server.workers()[0]
    os.kill(victim, number)
    wait_until(
        lambda: (
            len(set(server.workers()) - {victim}) == 2 and server.all_workers_serve()
        ),
        what="another worker",
    )


def told(server, **expected):
    """Wait for a figure: a worker that is asked may be the next to end."""

    def is_told():
        try:
            return deaths(server) == expected
        except requests.ConnectionError:
            return False

    wait_until(is_told, 10, f"{expected}")


def test_deaths_are_counted_by_reason_and_outlive_a_reload(start):
    server = start()
    told(server, killed=0, timeout=0, fault=0)
    replaced(server, signal.SIGKILL)
    told(server, killed=1, timeout=0, fault=0)
    replaced(server, signal.SIGSEGV)
    told(server, killed=2, timeout=0, fault=0)
    replaced(server, signal.SIGTERM)  # as somebody tells one worker to stop
    old = set(server.workers())
    server.signal(signal.SIGHUP)
    wait_until(lambda: not old & set(server.workers()), what="new workers")
    wait_until(lambda: len(server.workers()) == 2 and server.all_workers_serve())
    told(server, killed=2, timeout=0, fault=0)
    replaced(server, signal.SIGABRT)  # gunicorn's own: it exits with status 1
    told(server, killed=2, timeout=0, fault=1)


def test_a_worker_that_stands_still_is_a_timeout(start, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--timeout 2")
    server = start()
    told(server, killed=0, timeout=0, fault=0)
    time.sleep(2)  # gunicorn's clock of a worker begins when its loop does
    replaced(server, signal.SIGSTOP)
    told(server, killed=0, timeout=1, fault=0)
