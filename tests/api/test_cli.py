"""`leafpath serve` says what is wrong before it starts, and what to try after."""

import os
import shlex
import socket
import subprocess
import sys

import pytest
import requests

from tests.api.processes import ROOT, free_port, wait_until
from tests.api.small_bundles import write_cancer, write_mixed


def environment(**settings):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LEAFPATH_")}
    return kept | {f"LEAFPATH_{name}": str(value) for name, value in settings.items()}


def serve(**settings):
    return subprocess.run(
        [sys.executable, "-m", "leafpath", "serve"],
        cwd=ROOT, env=environment(**settings), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


def test_no_bundles(tmp_path):
    ran = serve(BUNDLES=tmp_path)
    assert ran.returncode == 1
    assert "no bundle can be served" in ran.stderr
    assert "leafpath train" in ran.stderr


def test_only_bad_bundles(tmp_path):
    write_mixed(tmp_path / "m")
    (tmp_path / "m" / "extra").touch()
    ran = serve(BUNDLES=tmp_path)
    assert ran.returncode == 1
    assert "extra: present but not listed" in ran.stderr


def test_two_bundles_of_one_name(tmp_path):
    write_cancer(tmp_path / "a")
    write_cancer(tmp_path / "b")
    ran = serve(BUNDLES=tmp_path)
    assert ran.returncode == 1
    assert "two bundles" in ran.stderr
    assert "'breast-cancer'" in ran.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"WORKER": 1}, "did you mean LEAFPATH_WORKERS?"),
        ({"BIND": "0.0.0.0:1234"}, "LEAFPATH_ALLOW_ANONYMOUS=1"),
        ({"API_KEYS_FILE": "Makefile"}, "expected 'name sha256 models [quota]'"),
        ({"CAPS": "lime.sample=100"}, "lime.sample: cannot be capped; samples"),
        ({"CACHE_KEY_FILE": ".gitignore", "BIND": "nonsense"}, "LEAFPATH_BIND"),
    ],
)
def test_settings_that_cannot_be_meant(bundles, settings, message):
    ran = serve(BUNDLES=bundles, **settings)
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_port_that_is_taken(bundles):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = serve(BUNDLES=bundles, BIND=f"127.0.0.1:{taken.getsockname()[1]}")
    assert ran.returncode == 1
    assert "cannot listen on" in ran.stderr


@pytest.mark.parametrize("write", [write_cancer, write_mixed])
def test_greeting_gives_a_request_that_works(tmp_path, write):
    write(tmp_path / "only")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "leafpath", "serve"],
        cwd=ROOT,
        env=environment(BUNDLES=tmp_path, BIND=f"127.0.0.1:{port}", WORKERS=1),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        lines = []
        while not (lines and lines[-1].startswith("  -d ")):
            lines.append(process.stdout.readline())
        command = "".join(lines[lines.index("\n") :]).replace("\\\n", " ")
        _, url, *options = shlex.split(command)
        given = dict(zip(options[::2], options[1::2], strict=True))

        def answered():
            try:
                return requests.get(f"http://127.0.0.1:{port}/v2/health/ready").ok
            except requests.ConnectionError:
                return False

        wait_until(answered)
        name, _, value = given["-H"].partition(": ")
        reply = requests.post(url, data=given["-d"].encode(), headers={name: value})
        assert reply.status_code == 200, reply.text
        assert reply.json()["explanations"][0][0]["method"] == "tree_path"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
