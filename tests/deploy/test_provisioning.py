"""deploy/grafana/provisioning: only what Grafana reads, and names that meet.

Grafana itself is in no registry of packages, and reads past what it does not know.
"""

import copy
import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from tests.deploy.deployed import DEPLOY, SERVICES

PROVISIONING = DEPLOY / "grafana" / "provisioning"
KINDS = {"datasources": "prometheus.yml", "dashboards": "leafpath.yml"}


def read(kind):
    return yaml.safe_load((PROVISIONING / kind / KINDS[kind]).read_text())


def validate(kind, document):
    file = Path(__file__).parent / "grafana" / f"{kind}.schema.json"
    Draft202012Validator(json.loads(file.read_text())).validate(document)


def test_every_file_is_of_a_known_kind():
    files = {path.relative_to(PROVISIONING) for path in PROVISIONING.rglob("*.y*ml")}
    assert files == {Path(kind, name) for kind, name in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_grafana_reads(kind):
    validate(kind, read(kind))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("datasources", {"isDefualt": True}),
        ("datasources", {"access": "server"}),
        ("datasources", {"url": 9090}),
        ("datasources", {"jsonData": {"timeinterval": "15s"}}),
        ("dashboards", {"editable": False}),
        ("dashboards", {"options": {"paths": "/etc"}}),
        ("dashboards", {"updateIntervalSeconds": "10"}),
    ],
)
def test_what_grafana_would_read_past_is_noticed(kind, wrong):
    document = copy.deepcopy(read(kind))
    (entry,) = document["providers" if kind == "dashboards" else kind]
    entry.update(wrong)
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        validate(kind, document)


def test_grafana_finds_prometheus_and_the_dashboard():
    (source,) = read("datasources")["datasources"]
    (provider,) = read("dashboards")["providers"]
    mounts = [v.split(":")[1] for v in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounts
    assert source["url"].split("/")[2].split(":")[0] in SERVICES
    dashboard = json.loads(
        (DEPLOY / "grafana" / "dashboards" / "leafpath.json").read_text()
    )
    (variable,) = (
        each for each in dashboard["templating"]["list"] if each["type"] == "datasource"
    )
    assert variable["query"] == source["type"]
