"""deploy/compose.yaml: what it says is known, refers to what is there, and is closed.

How its processes behave together is the matter of test_drill.py.
"""

import copy
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from api.settings import from_environment
from tests.deploy.deployed import (
    COMPOSE,
    DEPLOY,
    GRACEFUL_TIMEOUT_S,
    SERVICES,
    environment_of,
)
from tests.deploy.programs import make_secrets

each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """What deploy/make_secrets.sh makes."""
    return make_secrets(tmp_path_factory.mktemp("made"))


def sources(service) -> list[str]:
    return [volume.split(":")[0] for volume in service.get("volumes", [])]


def test_it_is_a_compose_file():
    PyCompose.from_yaml(yaml.safe_dump(COMPOSE))


@pytest.mark.parametrize(
    ("key", "value"),
    [("read_onyl", True), ("healthcheck", 3), ("cap_drop", "ALL"), ("depends_on", 1)],
)
def test_what_is_none_is_noticed(key, value):
    wrong = copy.deepcopy(COMPOSE)
    wrong["services"]["nginx"][key] = value
    with pytest.raises(ValueError, match=rf"services\.nginx|{key}"):
        PyCompose.from_yaml(yaml.safe_dump(wrong))


@each_service
def test_service_refers_to_what_is_there(name):
    service = SERVICES[name]
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    named = [source for source in sources(service) if not source.startswith(".")]
    assert set(named) <= set(COMPOSE["volumes"])
    places = [source for source in sources(service) if source.startswith("./")]
    assert [place for place in places if not (DEPLOY / place).exists()] == []
    secrets = {secret["source"] for secret in service.get("secrets", [])}
    assert secrets <= set(COMPOSE["secrets"])


def test_everything_that_is_declared_is_used():
    for kind in ("networks", "volumes", "secrets"):
        used = {
            item["source"] if isinstance(item, dict) else item.split(":")[0]
            for service in SERVICES.values()
            for item in service.get(kind, [])
        }
        assert set(COMPOSE[kind] or ()) <= used, kind


@each_service
def test_service_is_closed(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "privileged" not in service
    assert "cap_add" not in service
    assert re.search(r":v?\d+\.\d+", service["image"])


@each_service
def test_service_is_watched_and_started_again(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    checked_by_image = name.startswith("api-")
    assert checked_by_image or "test" in service["healthcheck"]


def test_only_the_proxy_and_grafana_are_reached_from_outside():
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert set(published) == {"nginx", "grafana"}
    assert all(port.startswith("127.0.0.1:") for (port,) in published.values())
    assert COMPOSE["networks"]["inner"]["internal"] is True
    outer = {name for name, s in SERVICES.items() if "outer" in s["networks"]}
    assert outer == set(published)


def test_no_password_stands_in_the_file():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            is_secret = re.search("PASSWORD|KEY|URL|SECRET", variable)
            assert not is_secret or value.startswith("/run/"), (name, variable)


def test_secrets_are_those_that_the_script_makes(secrets):
    assert secrets.stat().st_mode & 0o777 == 0o700
    for name, secret in COMPOSE["secrets"].items():
        file = secrets.parent / secret["file"]
        assert file.is_file(), name
        # Containers see the file itself, as users whom the host does not know.
        assert file.stat().st_mode & 0o777 == 0o644


def test_secrets_are_made_anew_each_time_and_never_replaced(secrets, tmp_path):
    other = make_secrets(tmp_path, "release-")
    for file in secrets.iterdir():
        assert file.read_text() != (other / file.name).read_text()
    assert "@release-redis-jobs:6379" in (other / "LEAFPATH_JOBS_URL").read_text()
    with pytest.raises(subprocess.CalledProcessError):
        make_secrets(tmp_path)


def test_hosts_that_other_files_name_are_services(secrets):
    named = [
        *re.findall(
            r"server (\S+):8000 ", (DEPLOY / "nginx" / "leafpath.conf").read_text()
        ),
        *re.findall(
            r"(api-\d):8000", (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        ),
        *re.findall(
            r"@([\w-]+):6379",
            "".join(f.read_text() for f in secrets.glob("LEAFPATH_*")),
        ),
    ]
    assert len(named) == 6
    assert set(named) <= set(SERVICES)


@pytest.mark.parametrize("name", ["api-1", "api-2", "worker"])
def test_settings_are_known_and_leave_jobs_to_the_worker(name, secrets):
    by_file = {
        target.name: (secrets.parent / COMPOSE["secrets"][secret["source"]]["file"])
        for secret in SERVICES[name]["secrets"]
        for target in [Path(secret["target"])]
    }
    assert all(name == file.name for name, file in by_file.items())
    passwords = {
        name: file.read_text().strip()
        for name, file in by_file.items()
        if name.startswith("LEAFPATH_")  # deploy/entrypoint.sh does this
    }
    settings = from_environment(environment_of(name, secrets) | passwords)
    assert not settings.computes_jobs
    assert settings.cache_key_file is not None
    assert not settings.is_open()


def test_stopping_takes_no_longer_than_docker_waits():
    service = SERVICES["api-1"]
    waits_s = int(service["stop_grace_period"].removesuffix("s"))
    longest_s = float(service["environment"]["LEAFPATH_MAX_TIMEOUT_S"])
    assert longest_s <= GRACEFUL_TIMEOUT_S < waits_s
