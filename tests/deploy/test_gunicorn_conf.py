"""The traps of the stack stay closed: what gunicorn is told, what its master loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.processes import ROOT, free_port, mapped, start_server, wait_until
from tests.api.small_bundles import write_mixed


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundles")
    write_mixed(directory / "mixed")
    return directory


@pytest.fixture(scope="module")
def server(bundles, tmp_path_factory):
    running = start_server(tmp_path_factory.mktemp("server"), bundles, workers=1)
    yield running
    running.stop()


def test_gunicorn_is_told_what_the_settings_say(bundles):
    environment = os.environ | {
        "LEAFPATH_BUNDLES": str(bundles),
        "LEAFPATH_WORKERS": "3",
        "LEAFPATH_THREADS": "5",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py",
         "--print-config", "api.app:create_app()"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.partition("=") for line in ran.stdout.splitlines()]
    told = {name.strip(): value.strip() for name, _, value in lines}
    assert told["workers"] == "3"
    assert told["threads"] == "5"
    assert told["preload_app"] == "False"
    assert told["control_socket_disable"] == "True"
    assert told["http_parser"] == "python"


def test_settings_that_cannot_be_meant_stop_gunicorn_too(bundles):
    ran = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py",
         "api.app:create_app()"],
        cwd=ROOT, env=os.environ | {"LEAFPATH_WORKER": "1"}, capture_output=True,
        text=True, timeout=30,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "did you mean LEAFPATH_WORKERS?" in ran.stderr


def test_master_never_loads_onnxruntime_and_forks_no_thread(server):
    assert "onnxruntime" not in mapped(server.process.pid)
    assert len(os.listdir(f"/proc/{server.process.pid}/task")) == 1
    assert "onnxruntime" in mapped(server.workers()[0])


def test_worker_sends_nothing_anywhere(server):
    """onnxruntime's telemetry would open a connection of its own."""
    for pid in (server.process.pid, *server.workers()):
        sockets = {
            os.readlink(entry).removeprefix("socket:[").removesuffix("]")
            for entry in Path(f"/proc/{pid}/fd").iterdir()
            if os.readlink(entry).startswith("socket:")
        }
        open_unix = {
            line.split()[6]
            for line in Path("/proc/net/unix").read_text().splitlines()[1:]
        }
        assert not sockets & open_unix  # no control socket either
        # Connected, on the way there or without a connection, but for what clients
        # open at the server's port.
        outward = [
            fields
            for table in ("tcp", "tcp6", "udp", "udp6")
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
            if (fields := line.split())[9] in sockets
            and int(fields[1].rpartition(":")[2], 16) != server.port
        ]
        assert not outward


def directories_of(server):
    """The directories that a server made, by the file that its master holds."""
    links = [os.readlink(fd) for fd in Path(f"/proc/{server.process.pid}/fd").iterdir()]
    return {Path(link).parent for link in links if link.endswith("/owner")}


def test_server_removes_what_a_killed_one_left_and_nothing_else(
    server, bundles, tmp_path
):
    killed = start_server(tmp_path, bundles)
    left, workers = directories_of(killed), killed.workers()
    assert {path.name.rpartition("-")[0] for path in left} == {
        "leafpath-bundles", "leafpath-metrics",
    }  # fmt: skip
    killed.process.kill()
    killed.process.wait(10)
    wait_until(lambda: not any(map(mapped, workers)), what="workers that are gone")
    assert all(path.is_dir() for path in left)
    another = start_server(tmp_path, bundles)
    try:
        assert not any(path.exists() for path in left)
        alive = directories_of(server) | directories_of(another)
        assert len(alive) == 4
        assert all(path.is_dir() for path in alive)
    finally:
        another.stop()
    assert {path for path in alive if path.exists()} == directories_of(server)


def test_gunicorn_is_not_told_to_listen_elsewhere(bundles):
    """Whether keys are asked for depends on LEAFPATH_BIND."""
    ran = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py",
         "--bind", f"0.0.0.0:{free_port()}", "api.app:create_app()"],
        cwd=ROOT, env=os.environ | {"LEAFPATH_BUNDLES": str(bundles)},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "set LEAFPATH_BIND instead" in ran.stderr
