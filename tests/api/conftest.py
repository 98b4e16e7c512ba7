"""Small real bundles, applications around them, a real Redis and real servers."""

import json
import subprocess

import pytest

from api.app import create_app
from api.settings import Settings
from explainers.loading import open_model
from tests.api.processes import ROOT, start_redis, start_server
from tests.api.small_bundles import write_cancer, write_mixed

IN_CLIENTS = ROOT / ".venv" / "clients" / "bin" / "python"
"""The environment in which other servers' clients live."""


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """A directory with the bundles breast-cancer and mixed."""
    directory = tmp_path_factory.mktemp("bundles")
    write_cancer(directory / "breast-cancer")
    write_mixed(directory / "mixed")
    return directory


@pytest.fixture(scope="session")
def model(bundles):
    """The breast-cancer model, as the server loads it."""
    return open_model(bundles / "breast-cancer")


@pytest.fixture(scope="session")
def instances(model):
    """Real instances: the background sample as lists of numbers."""
    return model.background.tolist()


@pytest.fixture
def settings(bundles):
    return Settings(bundles=bundles)


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def redis_server(tmp_path):
    server = start_redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(bundles, tmp_path_factory):
    """Two workers with the cache in memory, shared by the tests that change nothing."""
    running = start_server(tmp_path_factory.mktemp("server"), bundles)
    yield running
    running.stop()


@pytest.fixture
def start(bundles, tmp_path):
    """Start servers of one's own; all are stopped at the end."""
    running = []

    def start_one(directory=bundles, **settings):
        running.append(start_server(tmp_path, directory, **settings))
        return running[-1]

    yield start_one
    for one in running:
        one.stop()


@pytest.fixture(scope="session")
def run_in_clients():
    """Run a script with the clients at hand; returns the JSON that it prints."""
    if not IN_CLIENTS.exists():
        raise RuntimeError("no clients: sh tests/install_clients.sh")

    def run(script, *arguments, stdin=""):
        done = subprocess.run(
            [IN_CLIENTS, "-W", "ignore", script, *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
