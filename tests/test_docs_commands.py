"""Every command in the documentation works: run where that takes seconds, else read by
the program's own parser. A command of a kind that is not known here fails.
"""

import argparse
import contextlib
import importlib.util
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click
import helm_python
import numpy as np
import pandas as pd
import pytest
import requests
import yaml
from distributed.cli import dask_scheduler, dask_worker

from benchmarks.__main__ import BENCHMARKS
from leafpath import main
from tests.api.processes import free_port, start_server, wait_until
from tests.api.small_bundles import write_cancer
from tests.deploy.deployed import COMPOSE, DEPLOY, SERVICES
from tests.deploy.programs import start_nginx

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CLIENTS_BIN = ROOT / ".venv" / "clients" / "bin"
DEPLOYING = DEPLOY / "README.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    DEPLOYING,
]
HERE = "http://127.0.0.1:8000"
SITE = "http://127.0.0.1:8080"
"""Where the nginx of deploy/compose.yaml answers."""

FENCE = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"sh", "console", "bash", "shell"}
OTHERS = {"json", "toml", "python", "js"}
INLINE = re.compile(
    r"`((?:\.venv/bin/)?(?:leafpath|make|python|pytest|docker|sh|pip|openssl) [^`\n]+)`"
)
TOO_LONG = {"evaluate", "landscape", "visualize", "sweep"}
"""Subcommands that have tests of their own, and take minutes."""
DASK = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}


@dataclass(frozen=True)
class Command:
    """One command of a page, as it is written and in words."""

    page: str
    text: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        names = [word for word in self.words if not re.match(r"[A-Z_]+=", word)]
        return names[0].rpartition("/")[2]


def blocks(path):
    return FENCE.findall(path.read_text(encoding="utf-8"))


def commands_of(path):
    """Yield each command of the blocks that are not a file of examples/."""
    for language, file, block in blocks(path):
        if language in SHELL and not file:
            yield from split(path.name, block)


def split(page, block):
    """Divide a block where a line ends and neither a quote nor a backslash goes on."""
    text = ""
    for line in block.splitlines():
        text += line + "\n"
        if line.endswith("\\"):
            continue
        with contextlib.suppress(ValueError):  # within quotes
            if words := shlex.split(text, comments=True):
                yield Command(page, text, tuple(words))
            text = ""
    assert not text, f"{page}: a quote stays open in {text}"


def test_no_block_is_overlooked():
    languages = {language for page in PAGES for language, *_ in blocks(page)}
    assert languages <= SHELL | OTHERS
    for page in PAGES:
        fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), page.name


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where a reader stands: the demo model, a table, its configuration, a request,
    and the files of deploy/ without the secrets that somebody may have made there.
    """
    directory = tmp_path_factory.mktemp("reader")
    (directory / ".venv").mkdir()
    (directory / ".venv" / "bin").symlink_to(BIN)
    (directory / "bundles").mkdir()
    write_cancer(directory / "bundles" / "breast-cancer")
    no_secrets = shutil.ignore_patterns("secrets")
    shutil.copytree(DEPLOY, directory / "deploy", ignore=no_secrets)
    configuration = next(b for lang, _, b in blocks(PAGES[0]) if lang == "toml")
    (directory / "risk.toml").write_text(configuration)
    keys = tomllib.loads(configuration)["data"]
    visits = draw_visits()
    assert {keys["target"], keys["group"], *keys["drop"]} < set(visits)
    visits.to_csv(directory / keys["path"], index=False)
    visits.to_parquet(directory / "visits.parquet")
    curl = next(c for c in commands_of(PAGES[0]) if c.program == "curl")
    body = curl.words[curl.words.index("-d") + 1]
    (directory / "request.json").write_text(body)
    return directory


def draw_visits():
    random = np.random.default_rng(0)
    age, stays = random.integers(18, 95, 160), random.poisson(1.2, 160)
    risk = age + 12 * stays + random.normal(0, 8, 160)
    return pd.DataFrame(
        {
            "visit_id": np.arange(160),
            "patient_id": random.integers(0, 100, 160),
            "age": age,
            "stays": stays,
            "ward": random.choice(["A", "B", "C"], 160),
            "readmitted": np.where(risk > 75, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def server(place):
    running = start_server(place, place / "bundles", workers=1)
    yield running
    running.stop()


def test_every_command_works(place, server):
    """In the order of the pages: what one makes, such as a bundle, a later one uses."""
    seen = [command for page in PAGES for command in commands_of(page)]
    assert len(seen) > 20
    for command in seen:
        check = CHECKS.get(command.program)
        assert check, f"{command.page}: nothing here knows {command.text}"
        check(command, place, server)


def in_shell(text, place, **environment):
    return subprocess.run(
        ["sh", "-c", text],
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | environment,
        cwd=place, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def run(command, place, server):
    done = in_shell(command.text, place)
    assert done.returncode == 0, command.text + done.stderr[-2000:]


def ask(command, place, server):
    if SITE in command.text:
        ask_site(command, place)
    else:
        ask_at(HERE, server.url, command, place)


def ask_at(address, url, command, place):
    text = command.text.replace("curl ", "curl --fail-with-body ", 1)
    assert address in text
    done = in_shell(text.replace(address, url), place)
    assert done.returncode == 0, command.text + done.stdout + done.stderr


def ask_site(command, place):
    """Through nginx, of a replica that has the keys which the page made before."""
    keys = place / "deploy" / "secrets" / "api_keys"
    with contextlib.ExitStack() as stack:
        replica = start_server(place, place / "bundles", workers=1, api_keys_file=keys)
        stack.callback(replica.stop)
        nginx = start_nginx(place, [replica.port] * 2)
        stack.callback(nginx.stop)
        assert nginx.get("/v1/models").status_code == 401
        ask_at(SITE, nginx.url, command, place)


def serve(command, place, server):
    """Start it as written, on another port, until it serves the demo model."""
    bind = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["sh", "-c", command.text],
        env={
            **{n: v for n, v in os.environ.items() if n != "CI"},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "LEAFPATH_BIND": bind,
            "LEAFPATH_BUNDLES": str(place / "bundles"),
            "LEAFPATH_WORKERS": "1",
        },
        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip

    def serves():
        assert process.poll() is None, command.text
        with contextlib.suppress(requests.ConnectionError):
            page = requests.get(f"http://{bind}/v1/models/breast-cancer", timeout=30)
            return page.status_code == 200
        return False

    try:
        wait_until(serves, timeout_s=120, what=command.text)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def leafpath(command, place, server):
    start = [word.rpartition("/")[2] for word in command.words].index("leafpath") + 1
    name, *arguments = command.words[start:]
    is_pattern = any(re.fullmatch(r"[A-Z]+(\.toml)?", word) for word in arguments)
    if name in TOO_LONG or is_pattern:
        parse(name, arguments, place)
    else:
        {"serve": serve}.get(name, run)(command, place, server)


def parse(name, arguments, place):
    """Let the command read its arguments; those that are patterns exist for it."""
    for word in arguments:
        if word.endswith(".toml"):
            (place / word).touch()
    with contextlib.chdir(place):
        subcommand(name).make_context(name, list(arguments))


def subcommand(name):
    found = main.get_command(click.Context(main), name)
    assert found, f"leafpath {name}"
    return found


def options_of(command):
    return {word for option in command.params for word in option.opts}


def dask(command, place, server):
    _, name, *arguments = command.words
    used = {word for word in arguments if word.startswith("--")}
    assert used <= options_of(DASK[name])  # unknown ones are passed over when parsed
    DASK[name].make_context(name, arguments)


def make(command, place, server):
    done = in_shell(f"make -n {shlex.join(command.words[1:])}", ROOT)
    assert done.returncode == 0, done.stderr


def pip(command, place, server):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    _, install, option, file, editable, target = command.words
    assert (install, option, editable) == ("install", "--constraint", "--editable")
    assert (ROOT / file).exists()
    assert (
        target.removeprefix(".[").removesuffix("]")
        in (project["optional-dependencies"])
    )


def generate(command, place, server):
    """tests/api/test_integrate.py generates a client; here, that the options exist."""
    program = str(CLIENTS_BIN / command.program)
    done = in_shell(f"{program} generate --help", place, COLUMNS="200", TERM="dumb")
    assert done.returncode == 0, done.stderr
    used = [word for word in command.words if word.startswith("--")]
    assert [option for option in used if option not in done.stdout] == []


def docker(command, place, server):
    """There is none here: what the command names is held against the file."""
    check_compose(command.words)
    made = [place / "deploy" / secret["file"] for secret in COMPOSE["secrets"].values()]
    assert [file for file in made if not file.is_file()] == []


def check_compose(words):
    """Read a `docker compose` with those options of its reference that are used."""
    parser = argparse.ArgumentParser("docker compose", allow_abbrev=False)
    parser.add_argument("--file", type=Path, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    up, kill, restart = map(commands.add_parser, ("up", "kill", "restart"))
    up.add_argument("--build", action="store_true")
    up.add_argument("--wait", action="store_true")
    kill.add_argument("--signal", type=lambda name: signal.Signals[f"SIG{name}"])
    for command in (up, kill, restart):
        command.add_argument("services", nargs="*")
    assert words[:2] == ("docker", "compose")
    read = parser.parse_args(words[2:])
    assert (ROOT / read.file).samefile(DEPLOY / "compose.yaml")
    assert set(read.services) <= set(SERVICES)


def kubectl(command, place, server):
    _, create, kind, subtype, _, source = command.words
    assert (create, kind, subtype) == ("create", "secret", "generic")
    assert any(files_of(source, place))


def files_of(source, place):
    option, _, directory = source.partition("=")
    assert option == "--from-file"
    return {file.name: file for file in (place / directory).iterdir()}


def helm(command, place, server):
    """Rendered as written, it finds the secret and the Redis that the page names."""
    _, install, name, chart, option, values = command.words
    assert (install, option) == ("install", "--set")
    objects = render(name, chart, values.replace("...", "0" * 64))
    secret, source = next(
        c.words[-2:] for c in commands_of(DEPLOYING) if c.program == "kubectl"
    )
    files = files_of(source, place)
    volumes = volumes_of(objects)
    mounted = [volume["secret"] for volume in volumes if "secret" in volume]
    assert {volume["secretName"] for volume in mounted} == {secret}
    assert {item["key"] for volume in mounted for item in volume["items"]} <= set(files)
    (claim,) = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in volumes
        if "persistentVolumeClaim" in volume
    }
    assert f"in the claim `{claim}`" in DEPLOYING.read_text(encoding="utf-8")
    reached = {
        f"{o['metadata']['name']}:{port['port']}"
        for o in objects
        if o["kind"] == "Service"
        for port in o["spec"]["ports"]
    }
    for url in ("LEAFPATH_CACHE_URL", "LEAFPATH_JOBS_URL"):
        assert re.search(r"@([^/]+)/", files[url].read_text())[1] in reached


def volumes_of(objects):
    return [
        volume
        for o in objects
        if o["kind"] in ("Deployment", "StatefulSet")
        for volume in o["spec"]["template"]["spec"]["volumes"]
    ]


def render(name, chart, values) -> list[dict]:
    with helm_python.Chart.load(ROOT / chart) as loaded:
        texts = loaded.render(
            helm_python.parse_set_string(values), name=name, namespace="place"
        )
    manifests = [text for file, text in texts.items() if file.endswith(".yaml")]
    return [o for o in yaml.safe_load_all("\n---\n".join(manifests)) if o]


def test_addresses_and_variables_of_the_deployment_are_those_of_compose():
    text = DEPLOYING.read_text(encoding="utf-8")
    published = {
        port.rpartition(":")[0]
        for s in SERVICES.values()
        for port in s.get("ports", ())
    }
    assert set(re.findall(r"127\.0\.0\.1:\d+", text)) == published
    variables = set(re.findall(r"`([A-Z]+)=", text))
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert variables == set(re.findall(r"\$\{([A-Z]+):-", compose))


CHECKS = {
    "leafpath": leafpath,
    "sh": run,
    "docker": docker,
    "kubectl": kubectl,
    "helm": helm,
    "curl": ask,
    "make": make,
    "dask": dask,
    "pip": pip,
    "openapi-python-client": generate,
}
INLINES = sorted(
    {text for page in PAGES for text in INLINE.findall(page.read_text("utf-8"))}
)


@pytest.mark.parametrize("text", INLINES)
def test_commands_within_sentences_name_what_exists(text):
    program, *words = shlex.split(text)
    if program.endswith("leafpath"):
        check_options(subcommand(words[0]), words[1:])
    elif program == "docker":
        check_compose((program, *words))
    elif program == "make":
        assert in_shell(f"make -n {words[0]}", ROOT).returncode == 0
    elif program == "sh":
        assert in_shell(f"sh -n {words[0]}", ROOT).returncode == 0
    elif program == "pip":
        pinned = (ROOT / "constraints.txt").read_text().splitlines()
        assert words[:2] == ["install", "--no-deps"]
        assert words[2:]
        assert set(words[2:]) <= set(pinned)
    elif program == "openssl":
        done = in_shell(text, ROOT)
        assert "BEGIN PRIVATE KEY" in done.stdout, done.stderr
    elif words[:2] == ["-m", "benchmarks"]:
        assert words[2] in BENCHMARKS
    elif words[0] == "-m":
        assert importlib.util.find_spec(words[1])
        check_help(f"python -m {words[1]}", words)
    else:
        assert (ROOT / words[0]).exists()
        if program.endswith("python"):
            check_help(f"python {words[0]}", words)


def check_options(command, words):
    """Its options are there, and take the values that are no names of files."""
    known = {option: p for p in command.params for option in p.opts}
    for option, value in itertools.pairwise([*words, None]):
        if option.startswith("--") and not known[option].is_flag:
            assert value is not None
            if not isinstance(known[option].type, click.Path):
                known[option].type.convert(value, known[option], None)  # or raises


def check_help(command, words):
    """What answers a question for help lists the options that are used."""
    if used := [word for word in words if word.startswith("--")]:
        done = in_shell(f"{command} --help", ROOT, PYTHONPATH=str(ROOT))
        assert done.returncode == 0, done.stderr
        assert [option for option in used if option not in done.stdout] == []
