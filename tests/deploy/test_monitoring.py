"""deploy/prometheus and deploy/grafana, read by their own programs.

A real Prometheus asks a real server, so that what rules and dashboard select is there.
"""

import contextlib
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import promql_parser
import pytest
import redis
import requests
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from sklearn.datasets import load_breast_cancer

from api.cache.redis import PREFIX
from tests.api.processes import (
    ROOT,
    Server,
    free_port,
    start_redis,
    start_server,
    wait_until,
)
from tests.api.small_bundles import write_cancer
from tests.deploy.deployed import DEPLOY, lost
from tests.deploy.programs import make_secrets, program

PROMETHEUS = DEPLOY / "prometheus"
ALERTS = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads(
    (DEPLOY / "grafana" / "dashboards" / "leafpath.json").read_text()
)
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ALERT_TESTS = sorted((ROOT / "tests" / "deploy" / "alerts").glob("*.yml"))
PREDICT = "/v1/models/breast-cancer:predict"
EXPLAIN = "/v1/models/breast-cancer:explain"


def promtool(*arguments) -> None:
    ran = subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def dashboard_queries() -> list[str]:
    return [
        target["expr"].replace("$model", ".*")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ]


def nodes_of(expression) -> list:
    """An expression and all that it is made of."""
    found: list = []
    promql_parser.walk(expression, lambda node: found.append(node))
    return found


def selectors_of(expression) -> set[str]:
    return {
        f"{node.name}{node.matchers}"
        for node in nodes_of(expression)
        if isinstance(node, promql_parser.VectorSelector)
    }


def needed_labels(expression) -> Iterator[tuple[str, str]]:
    """Each selector with each label that is grouped or joined by around it."""
    for node in nodes_of(expression):
        if isinstance(node, promql_parser.AggregateExpr):
            modifier = node.modifier
        elif isinstance(node, promql_parser.BinaryExpr):
            modifier = node.modifier and node.modifier.matching
        else:
            continue
        yield from itertools.product(
            selectors_of(node), modifier.labels if modifier else ()
        )


@dataclass
class Prometheus(Server):
    """One Prometheus, asked over its HTTP interface."""

    def is_ready(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return self.get("/-/ready").status_code == 200
        return False

    def ask(self, what, **parameters) -> list:
        reply = self.get(f"/api/v1/{what}", params=parameters).json()
        assert reply["status"] == "success", reply
        return reply["data"]

    def value(self, expression) -> list:
        return self.ask("query", query=expression)["result"]

    def series(self, selector) -> list[dict[str, str]]:
        return self.ask("series", **{"match[]": selector})


def wait_for(condition, what) -> None:
    """Wait for some scrapes, which take long where everything does."""
    wait_until(condition, 120, what)


def start_prometheus(directory, replica, key) -> Prometheus:
    """Start it with the files as they are, but for the address and the pace."""
    rules = (PROMETHEUS / "alerts.yml").read_text().replace("interval: 5m", "")
    (directory / "alerts.yml").write_text(rules)
    text = (PROMETHEUS / "prometheus.yml").read_text()
    for old, new in (
        ("15s", "3s"),
        ("/run/prometheus/prometheus_key", str(key)),
        ("api-1:8000, api-2:8000", f"127.0.0.1:{replica.port}"),
    ):
        assert old in text
        text = text.replace(old, new)
    (directory / "prometheus.yml").write_text(text)
    port, log = free_port(), directory / "prometheus.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [program("prometheus"), f"--config.file={directory}/prometheus.yml",
             f"--storage.tsdb.path={directory}/series",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=stream, stderr=stream,
        )  # fmt: skip
    started = Prometheus(process, port, log)
    wait_for(started.is_ready, "Prometheus")
    return started


def send_traffic(replica, redis_url, key) -> None:
    """Have everything happen that is counted, once."""
    headers = {"Authorization": f"Bearer {key}"}

    def send(path, instances, **more) -> requests.Response:
        asked = more.pop("headers", {})
        body = {"instances": instances, **more}
        return replica.post(path, json=body, headers=headers | asked)

    rows = load_breast_cancer().data
    generator = np.random.default_rng(0)
    within = generator.uniform(rows.min(axis=0), rows.max(axis=0), (500, 30)).tolist()
    assert send(PREDICT, within).ok
    assert send(PREDICT, [[1e6] * 30]).ok
    lime = {"explanations": ["lime"]}
    assert send(EXPLAIN, within[:1], **lime).headers["X-Cache"] == "miss"
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        for stored in client.keys(PREFIX + b"*"):
            client.set(stored, b"garbage")
    assert send(EXPLAIN, within[:1], **lime).headers["X-Cache"] == "miss"
    assert send(EXPLAIN, within[:1], **lime).headers["X-Cache"] == "hit"
    assert send(PREDICT, []).status_code == 422
    late = {"Request-Timeout": "0.000001"}
    assert send(EXPLAIN, within[:1], headers=late, **lime).status_code == 504


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Prometheus beside a server to which everything has happened."""
    directory = tmp_path_factory.mktemp("monitoring")
    secrets = make_secrets(directory)
    bundles = directory / "bundles"
    bundles.mkdir()
    write_cancer(bundles / "good")
    (bundles / "bad").mkdir()
    (bundles / "bad" / "manifest.json").write_text("{}")
    cache = start_redis(directory)
    replica = start_server(
        directory, bundles, cache_url=cache.url, cache_bytes=0,
        api_keys_file=secrets / "api_keys",
    )  # fmt: skip
    started = start_prometheus(directory, replica, secrets / "prometheus_key")
    key = (secrets / "client_key").read_text().strip()
    send_traffic(replica, cache.url, key)
    cache.process.kill()
    without_cache = replica.post(
        EXPLAIN,
        json={"instances": [[2.0] * 30], "explanations": ["lime"]},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert without_cache.ok
    yield started
    for process in (started, replica):
        process.stop()
    cache.process.wait(10)


def test_rules_and_configuration_are_valid(tmp_path):
    key = tmp_path / "prometheus_key"
    key.write_text("key")
    shutil.copy(PROMETHEUS / "alerts.yml", tmp_path)
    text = (PROMETHEUS / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(
        text.replace("/run/prometheus/prometheus_key", str(key))
    )
    promtool("check", "config", "--lint-fatal", tmp_path / "prometheus.yml")
    promtool("check", "rules", "--lint-fatal", tmp_path / "alerts.yml")


@pytest.mark.parametrize("tests", ALERT_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_where_they_should(tests, tmp_path):
    for file in (PROMETHEUS / "alerts.yml", tests):
        shutil.copy(file, tmp_path)
    promtool("test", "rules", tmp_path / tests.name)


def test_each_alert_is_tested_firing_and_silent():
    expected = [
        (alert["alertname"], bool(alert["exp_alerts"]))
        for file in ALERT_TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for alert in test["alert_rule_test"]
    ]
    alerts = {rule["alert"] for rule in RULES if "alert" in rule}
    assert {name for name, fires in expected if fires} == alerts
    assert {name for name, fires in expected if not fires} == alerts


def test_each_alert_has_its_place_in_the_runbook():
    headings = re.findall(r"^### (.+)$", OPERATIONS, re.MULTILINE)
    places = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
    for rule in RULES:
        if "alert" in rule:
            page, _, place = rule["annotations"]["runbook"].partition("#")
            assert page == "docs/operations.md"
            assert place in places, rule["alert"]
            assert f"`{rule['alert']}`" in OPERATIONS


def test_prometheus_may_read_metrics_with_its_key(prometheus):
    wait_for(lambda: prometheus.value('up{job="leafpath"} == 1'), "a scrape")


def test_what_rules_and_panels_select_is_there(prometheus):
    for expression in [*(rule["expr"] for rule in RULES), *dashboard_queries()]:
        parsed = promql_parser.parse(expression)
        assert selectors_of(parsed), expression
        for selector in selectors_of(parsed):
            wait_for(lambda s=selector: prometheus.series(s), selector)
        for selector, label in needed_labels(parsed):
            series = prometheus.series(selector)
            assert any(label in labels for labels in series), (expression, label)


def test_panels_draw_something(prometheus):
    for query in dashboard_queries():
        wait_for(lambda q=query: prometheus.value(q), query)


def test_metrics_are_as_the_page_of_operations_says(prometheus):
    cited = re.findall(r"^\| `(leafpath_\w+)(?:\{(.+?)\})?`", OPERATIONS, re.MULTILINE)
    assert len(cited) > 8
    for name, labels in cited:
        suffix = {"leafpath_request_duration_seconds": "_bucket"}.get(name, "")
        if name == "leafpath_failed_inference_seconds":
            suffix, labels = "_count", "model"
        selector = name + suffix
        wait_for(lambda s=selector: prometheus.series(s), selector)
        known = set(prometheus.series(selector)[0])
        assert known - {"__name__", "instance", "job", "le"} == set(
            filter(None, labels.split(", "))
        )


def test_dashboard_is_one_that_grafana_knows():
    """What the schema's types do not know is dropped: nothing may be."""
    kept = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert lost(DASHBOARD, kept) == []
    broken = DASHBOARD | {"panels": [DASHBOARD["panels"][0] | {"titel": "wrong"}]}
    kept = json.loads(JSONEncoder().encode(Dashboard.from_json(broken)))
    assert lost(broken, kept) == ["panels.0.titel"]


def test_panels_do_not_overlap_and_say_what_they_show():
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in (panel["gridPos"],)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
