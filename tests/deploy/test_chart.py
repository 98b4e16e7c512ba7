"""deploy/helm/leafpath, rendered by Helm's own library and held against the schemas of
Kubernetes; that its parts find one another, and stop without losing a request.
"""

import json
import subprocess
import tomllib

import helm_python
import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator
from jsonschema import Draft202012Validator

from api.app import create_app
from api.settings import Settings, from_environment
from tests.api.processes import ROOT
from tests.deploy.deployed import DEPLOY, GRACEFUL_TIMEOUT_S, SERVICES, lost
from tests.deploy.programs import make_secrets, program

CHART = DEPLOY / "helm" / "leafpath"
EVERYTHING = {"monitoring": {"enabled": True}, "trustedKeys": True}
OTHER_REDIS = {
    "redis": {"enabled": False},
    "network": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
}
CHOICES = {"default": {}, "everything": EVERYTHING, "other-redis": OTHER_REDIS}
KUBERNETES = ["1.27", "1.37"]
"""The oldest that Chart.yaml allows, and the newest whose schema is here."""

OF_THE_OPERATOR = ("ServiceMonitor", "PrometheusRule")


def render(values) -> list[dict]:
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values, name="release", namespace="place")
    return [
        document
        for name, text in texts.items()
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]


@pytest.fixture(scope="module", params=CHOICES)
def objects(request):
    return render(CHOICES[request.param])


@pytest.fixture(scope="module")
def everything():
    """Every object by kind and name."""
    return {(o["kind"], o["metadata"]["name"]): o for o in render(EVERYTHING)}


def pods_of(objects) -> dict[str, dict]:
    """The pod templates, by the name of what makes them."""
    return {
        o["metadata"]["name"]: o["spec"]["template"]
        for o in objects
        if o["kind"] in ("Deployment", "StatefulSet")
    }


def selected(pods, labels) -> set[str]:
    return {
        name
        for name, pod in pods.items()
        if labels.items() <= pod["metadata"]["labels"].items()
    }


def container_of(pod) -> dict:
    (container,) = pod["spec"]["containers"]
    return container


def test_helm_finds_nothing_to_complain_of():
    report = helm_python.lint(CHART, strict=True)
    worse_than_info = [m for m in report["messages"] if m["severity"] > 1]
    assert (worse_than_info, report["errors"]) == ([], [])


def test_schema_of_the_values_is_one():
    schema = json.loads((CHART / "values.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    Draft202012Validator(schema).validate(values)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(objects, version):
    for document in objects:
        if document["kind"] not in OF_THE_OPERATOR:
            kubernetes_validate.validate(document, version, strict=True)


def test_kubernetes_would_notice_a_field_that_is_none(everything):
    broken = everything["Deployment", "release-api"]
    container_of(broken["spec"]["template"])["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(broken, KUBERNETES[1], strict=True)
    del container_of(broken["spec"]["template"])["readinesProbe"]


@pytest.mark.parametrize("kind", OF_THE_OPERATOR)
def test_the_operator_of_prometheus_knows_every_field(everything, kind):
    document = everything[kind, "release"]
    model = getattr(prometheus_operator, kind).model_validate(document)
    kept = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert lost(document, kept) == []


def test_rules_are_those_of_prometheus(everything, tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(everything["PrometheusRule", "release"]["spec"]))
    subprocess.run([program("promtool"), "check", "rules", rules], check=True)
    expected = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    assert yaml.safe_load(rules.read_text()) == expected


def test_dashboard_is_the_one_of_grafana(everything):
    (text,) = everything["ConfigMap", "release-dashboard"]["data"].values()
    file = DEPLOY / "grafana" / "dashboards" / "leafpath.json"
    assert json.loads(text) == json.loads(file.read_text())


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"api": {"autoscaling": {"minReplicas": 1}}}, "minReplicas"),
        ({"api": {"autoscaling": {"cpuPercent": 0}}}, "cpuPercent"),
        ({"api": {"resources": {"limits": {"memory": None}}}}, "memory"),
        ({"worker": {"replicas": 0}}, "replicas"),
        ({"image": "leafpath"}, "image"),
        ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy"),
        ({"settings": {"LEAFPATH_CACHE_URL": "redis://host"}}, "LEAFPATH_CACHE_URL"),
        ({"settings": {"leafpath_workers": "2"}}, "leafpath_workers"),
        ({"settings": {"LEAFPATH_WORKERS": 2}}, "LEAFPATH_WORKERS"),
        ({"network": {"ingressFrom": []}}, "ingressFrom"),
        ({"redis": {"maxMemory": "much"}}, "maxMemory"),
        ({"replicas": 2}, "replicas"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(values, place):
    with (
        helm_python.Chart.load(CHART) as chart,
        pytest.raises(helm_python.HelmError, match=place),
    ):
        chart.render(values, name="release", namespace="place")


@pytest.mark.parametrize(
    "image",
    ["registry.example:5000/a/leafpath:0.1.0", f"r.example/l@sha256:{'0' * 64}"],
)
def test_image_may_be_named_by_digest(image):
    pods = pods_of(render({"image": image}))
    assert container_of(pods["release-api"])["image"] == image


def test_pods_keep_the_standard_called_restricted(objects):
    """Its rules, and more: https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    for name, pod in pods_of(objects).items():
        spec, container = pod["spec"], container_of(pod)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        kinds = {kind for v in spec.get("volumes", []) for kind in v if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}, name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_what_is_mounted_is_there(objects, tmp_path):
    secrets = make_secrets(tmp_path, "release-")
    (secrets / "trusted_keys").touch()  # the public part of whoever signs bundles
    claims = {
        o["metadata"]["name"]: {
            c["metadata"]["name"] for c in o["spec"].get("volumeClaimTemplates", [])
        }
        for o in objects
        if o["kind"] == "StatefulSet"
    }
    for name, pod in pods_of(objects).items():
        volumes = pod["spec"]["volumes"]
        mounts = {mount["name"] for mount in container_of(pod)["volumeMounts"]}
        assert mounts == {v["name"] for v in volumes} | claims.get(name, set())
        for volume in volumes:
            for item in volume.get("secret", {}).get("items", []):
                assert (secrets / item["key"]).is_file()
                assert item["path"] == item["key"]


def test_settings_are_known(objects, tmp_path):
    """Of API and worker, with the passwords that deploy/entrypoint.sh adds."""
    secrets = make_secrets(tmp_path, "release-")
    (secrets / "trusted_keys").touch()
    passwords = {f.name: f.read_text() for f in secrets.glob("LEAFPATH_*")}
    (settings,) = [o for o in objects if o["metadata"]["name"] == "release-settings"]
    for name in ("release-api", "release-worker"):
        variables = settings["data"] | {
            variable["name"]: variable["value"].replace("/run/leafpath", str(secrets))
            for variable in container_of(pods_of(objects)[name])["env"]
        }
        image = {"LEAFPATH_BIND": "0.0.0.0:8000", "LEAFPATH_BUNDLES": "/bundles"}
        read = from_environment(image | variables | passwords)
        assert not read.computes_jobs
        assert not read.is_open()
        assert read.cache_key_file is not None
        assert read.max_timeout_s <= GRACEFUL_TIMEOUT_S


def test_worker_is_asked_what_compose_asks_it(objects):
    container = container_of(pods_of(objects)["release-worker"])
    for kind in ("startup", "liveness"):
        probe = container[f"{kind}Probe"]["exec"]["command"]
        assert probe[:2] == ["sh", "-c"]
        assert probe[2] == SERVICES["worker"]["healthcheck"]["test"][1]
    assert "readinessProbe" not in container  # nobody asks it anything


def test_pod_that_is_stopped_drains_before_it_is_killed(objects):
    pod = pods_of(objects)["release-api"]
    hook = container_of(pod)["lifecycle"]["preStop"]["exec"]["command"]
    assert hook[0] == "sleep"
    probe = container_of(pod)["readinessProbe"]
    assert int(hook[1]) >= probe["periodSeconds"]
    granted_s = pod["spec"]["terminationGracePeriodSeconds"]
    assert granted_s > int(hook[1]) + GRACEFUL_TIMEOUT_S


def test_probes_ask_what_the_server_answers(everything, tmp_path):
    container = container_of(
        everything["Deployment", "release-api"]["spec"]["template"]
    )
    paths = {
        str(r) for r in create_app(Settings(bundles=tmp_path)).url_map.iter_rules()
    }
    asked = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert set(asked.values()) <= paths
    # A pod whose bundles are all refused must not be killed for that.
    assert asked["startup"] == asked["liveness"] == "/v2/health/live"
    assert asked["readiness"] == "/v2/health/ready"
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert all(f"`GET {path}`" in operations for path in asked.values())
    monitor = everything["ServiceMonitor", "release"]["spec"]["endpoints"][0]
    assert monitor["path"] in paths


def test_everything_selects_the_pods_that_it_should(everything):
    pods = pods_of(everything.values())
    api = {"release-api"}
    for (kind, name), document in everything.items():
        spec = document.get("spec", {})
        if kind in ("Deployment", "StatefulSet"):
            assert selected(pods, spec["selector"]["matchLabels"]) == {name}
        elif kind == "Service":
            assert selected(pods, spec["selector"]) == {name}
            port = spec["ports"][0]["targetPort"]
            assert port == container_of(pods[name])["ports"][0]["name"]
        elif kind == "PodDisruptionBudget":
            assert selected(pods, spec["selector"]["matchLabels"]) == api
        elif kind == "HorizontalPodAutoscaler":
            assert spec["scaleTargetRef"]["name"] in pods
        elif kind == "NetworkPolicy":
            assert selected(pods, spec["podSelector"]["matchLabels"]) == {name}
            assert spec["policyTypes"] == ["Ingress", "Egress"]
        elif kind == "ServiceMonitor":
            service = everything["Service", "release-api"]
            labels = spec["selector"]["matchLabels"]
            assert labels.items() <= service["metadata"]["labels"].items()
            assert spec["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
            job = service["metadata"]["labels"][spec["jobLabel"]]
            assert job == "leafpath"  # as the alerts expect


def test_pods_reach_only_what_they_need(objects):
    pods = pods_of(objects)
    policies = {
        o["metadata"]["name"]: o for o in objects if o["kind"] == "NetworkPolicy"
    }
    assert set(policies) == set(pods)
    redis = {name for name in pods if "redis" in name}
    for name, policy in policies.items():
        reached = {
            other
            for rule in policy["spec"].get("egress", [])
            for peer in rule["to"]
            if "podSelector" in peer and "namespaceSelector" not in peer
            for other in selected(pods, peer["podSelector"]["matchLabels"])
        }
        assert reached == (set() if name in redis else redis)
    for name in redis:
        (rule,) = policies[name]["spec"]["ingress"]
        assert {
            other
            for peer in rule["from"]
            for other in selected(pods, peer["podSelector"]["matchLabels"])
        } == {"release-api", "release-worker"}
    assert "ingress" not in policies["release-worker"]["spec"]


def test_redis_is_the_one_of_compose(everything, tmp_path):
    secrets = make_secrets(tmp_path, "release-")
    for part in ("redis-cache", "redis-jobs"):
        name = f"release-{part}"
        url = f"LEAFPATH_{part.removeprefix('redis-').upper()}_URL"
        assert f"@{name}:6379/" in (secrets / url).read_text()
        container = container_of(everything["StatefulSet", name]["spec"]["template"])
        assert container["image"] == SERVICES[part]["image"]
        here, there = (
            dict(zip(command[1::2], command[2::2], strict=True)) | {"--dir": ""}
            for command in (container["args"], SERVICES[part]["command"])
        )
        assert here == there
        for kind in ("liveness", "readiness"):
            probe = container[f"{kind}Probe"]["exec"]["command"]
            assert probe[:2] == ["sh", "-c"]
            assert probe[2] == SERVICES[part]["healthcheck"]["test"][1]


def test_version_is_the_projects():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image = yaml.safe_load((CHART / "values.yaml").read_text())["image"]
    assert chart["version"] == chart["appVersion"] == project["version"]
    assert image == SERVICES["api-1"]["image"] == f"leafpath:{project['version']}"
