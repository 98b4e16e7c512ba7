"""The document is valid, complete, and what the server does."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from openapi_spec_validator import validate

from api.uri_templates import template
from explainers.registry import EXPLAINERS, available


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def test_document_is_openapi_3_1(document):
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_every_route_is_described_and_nothing_else(app, document):
    routes = {template(rule.rule) for rule in app.url_map.iter_rules()}
    assert set(document["paths"]) == routes


def test_every_method_and_every_field_of_a_request_is_described(document):
    schemas = document["components"]["schemas"]
    discriminator = schemas["AnyRequest"]["discriminator"]["mapping"]
    assert set(discriminator) == set(EXPLAINERS)
    for name, method in EXPLAINERS.items():
        described = schemas[discriminator[name].rpartition("/")[2]]["properties"]
        assert set(described) == {"method", *method.parameters.__struct_fields__}


def test_examples_work(client, document):
    for path, item in document["paths"].items():
        for operation in item.values():
            if "requestBody" not in operation:
                continue
            content = operation["requestBody"]["content"]["application/json"]
            for model, example in content["examples"].items():
                url = path.replace("{model}", model).replace("{version}", "1")
                if url == "/invocations":  # where one model is served, not two
                    continue
                reply = client.post(url, json=example["value"])
                assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_documentation_asks_for_nothing_from_elsewhere(client, path):
    text = client.get(path).text
    assert "<script" not in text
    for marker in ('src="', "@import", "url("):
        assert marker not in text


def test_server_answers_as_documented_to_good_and_bad_requests(
    start, bundles, tmp_path
):
    """Some two thousand requests that schemathesis makes up, to a real server."""
    alone = tmp_path / "bundles"
    shutil.copytree(bundles / "breast-cancer", alone / "breast-cancer")
    server = start(alone)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--checks", "all",
        # A well-formed number may overflow the network, and several well-formed
        # explanations may cost too much together: both are a documented 422.
        "--exclude-checks", "positive_data_acceptance",
        "--phases", "examples,coverage,fuzzing",
        "--max-examples", "20", "--seed", "1", "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    statuses = {line.get("status") for line in server.log_lines()}
    assert {200, 404, 405, 422} <= statuses
    # 504: a Request-Timeout of a nanosecond is well-formed, and over at once.
    assert not any(status and status >= 500 for status in statuses - {504})


def test_every_instance_near_the_training_range_is_answered(client, model):
    features = model.manifest.input.features
    low = np.array([feature.minimum for feature in features])
    high = np.array([feature.maximum for feature in features])
    margin = 10 * (high - low)  # ten training ranges on either side
    rng = np.random.default_rng(0)
    rows = rng.uniform(low - margin, high + margin, (50, len(features)))
    body = {"instances": rows.tolist(), "explanations": list(available(model))[:8]}
    reply = client.post("/v1/models/breast-cancer:explain", json=body)
    assert reply.status_code == 200, reply.text
