"""Dockerfile, as far as it can be run without a container engine.

What it copies makes the wheel that it installs; that wheel serves, without torch.
"""

import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.api.processes import METRICS, ROOT, Server, free_port, mapped, wait_until
from tests.api.small_bundles import write_cancer
from tests.deploy.deployed import environment_of
from tests.deploy.programs import make_secrets

LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
HADOLINT = Path(sys.executable).with_name("hadolint")


def stage(name) -> list[tuple[str, str]]:
    """The instructions of one stage, each with its arguments."""
    found: list[tuple[str, str]] = []
    current = None
    for line in LINES:
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            current = arguments.rpartition(" AS ")[2]
        elif current == name and instruction.isupper():
            found.append((instruction, arguments.strip()))
    return found


def one(name, instruction) -> str:
    """The arguments of the only such instruction of a stage."""
    (arguments,) = [a for i, a in stage(name) if i == instruction]
    return arguments


def copied() -> list[str]:
    """What the image takes from the checkout."""
    return [
        source.removesuffix("/")
        for name in ("build", "serve")
        for instruction, arguments in stage(name)
        if instruction == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]


def lint(path) -> subprocess.CompletedProcess:
    command = [HADOLINT, "--no-color", "--failure-threshold", "style", path]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Where pip puts the wheel made of what the image copies, and nothing else."""
    directory = tmp_path_factory.mktemp("image")
    context = directory / "context"
    for name in copied():
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copy(ROOT / name, target)
    installed = directory / "installed"
    environment = os.environ | {"PIP_CONSTRAINT": str(context / "constraints.txt")}
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
         "--target", installed, context],
        env=environment, check=True,
    )  # fmt: skip
    shutil.copy(context / "deploy" / "entrypoint.sh", directory)
    return installed


@pytest.fixture(scope="module")
def server(site):
    """That wheel, started as the container starts it."""
    directory = site.parent
    (directory / "bundles").mkdir()
    write_cancer(directory / "bundles" / "b")
    secrets = make_secrets(directory)
    (secrets / "LEAFPATH_CACHE_URL").write_text("memory://")
    (secrets / "LEAFPATH_JOBS_URL").unlink()
    metrics = directory / METRICS
    metrics.mkdir()
    port = free_port()
    entrypoint = json.loads(one("serve", "ENTRYPOINT"))
    command = [directory / "entrypoint.sh" if "/" in w else w for w in entrypoint]
    with (directory / "log").open("wb") as stream:
        process = subprocess.Popen(
            [*command, *json.loads(one("serve", "CMD"))],
            env=environment_of("api-1", secrets) | {
                "CREDENTIALS_DIRECTORY": str(secrets),
                "LEAFPATH_BIND": f"0.0.0.0:{port}",
                "LEAFPATH_BUNDLES": str(directory / "bundles"),
                # Its own command, and our interpreter.
                "PATH": f"{site}/bin:{os.environ['PATH']}",
                "PROMETHEUS_MULTIPROC_DIR": str(metrics),
                "PYTHONPATH": str(site),
                "TMPDIR": str(directory),
            },
            cwd=directory,
            stdout=stream,
            stderr=stream,
        )  # fmt: skip
    started = Server(process, port, directory / "log")
    wait_until(started.is_ready, 90, "the server of the image")
    wait_until(started.all_workers_serve, 90, "its workers")
    yield started
    started.signal(signal.SIGTERM)
    process.wait(40)


def test_hadolint_finds_nothing():
    ran = lint(ROOT / "Dockerfile")
    assert ran.returncode == 0, ran.stdout


def test_hadolint_would_find_something(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /tmp && sudo pip install flask\n")
    ran = lint(bad)
    assert ran.returncode != 0
    assert "DL3007" in ran.stdout  # latest


def test_shellcheck_finds_nothing():
    scripts = sorted((ROOT / "deploy").glob("*.sh"))
    assert {script.name for script in scripts} == {"entrypoint.sh", "make_secrets.sh"}
    command = [Path(sys.executable).with_name("shellcheck"), *scripts]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_nothing_else_reaches_the_builder():
    """Neither secrets nor bundles nor the rest of deploy/."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {r[1:] for r in rules if r.startswith("!")} == set(copied())


def test_wheel_of_what_is_copied_serves(server, site):
    key = site.parent.joinpath("secrets", "client_key").read_text()
    reply = server.post(
        "/v1/models/breast-cancer:explain",
        json={"instances": [[1.0] * 30]},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert reply.ok, reply.text
    loaded = subprocess.run(
        [sys.executable, "-c", "import api.app; print(api.app.__file__)"],
        env=os.environ | {"PYTHONPATH": str(site)}, cwd=site.parent,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert loaded.stdout.startswith(str(site))
    for pid in server.workers():
        assert "onnxruntime" in mapped(pid)
        assert "libtorch" not in mapped(pid)


def test_health_check_says_yes_and_no(server):
    command = json.loads(re.search(r"CMD (\[.*\])", one("serve", "HEALTHCHECK"))[1])
    assert command[:2] == ["python", "-c"]

    def check(port) -> int:
        code = command[2].replace(":8000", f":{port}")
        return subprocess.run(
            [sys.executable, "-c", code], stderr=subprocess.DEVNULL
        ).returncode

    assert check(server.port) == 0
    assert check(free_port()) != 0


def test_what_is_installed_to_serve_needs_no_torch():
    """All that the base install and signatures ask for, and what that asks for."""
    wanted, found = [Requirement("leafpath[sign]")], set()
    while wanted:
        requirement = wanted.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if (name, *requirement.extras) in found:
            continue
        found.add((name, *requirement.extras))
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            extras = requirement.extras or {""}
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in extras):
                wanted.append(needed)
    names = {name for name, *_ in found}
    assert {"flask", "onnxruntime", "cryptography"} <= names
    assert not {"torch", "scikit-learn", "pandas", "onnx", "scipy"} & names


def test_it_runs_as_nobody_in_particular():
    for name in ("serve", "train"):
        assert one(name, "USER") == "10001:10001"  # as the chart and its volumes say
    environment = one("serve", "ENV")
    assert "LEAFPATH_BIND=0.0.0.0:8000" in environment
    assert "LEAFPATH_BUNDLES=/bundles" in environment
    assert "CREDENTIALS_DIRECTORY=/run/leafpath" in environment
    assert "leafpath" in json.loads(one("train", "ENTRYPOINT"))
