"""The document is valid, complete, and what the server does."""

import shutil

import jsonschema
import numpy as np
import pytest
from openapi_spec_validator import validate

from api.app import create_app
from api.settings import Settings
from api.uri_templates import template
from explainers.loading import open_model
from explainers.registry import EXPLAINERS, available
from tests.api.processes import attack
from tests.api.small_bundles import write_cancer
from tests.api.test_access import bearer
from tests.api.test_quotas import EXPLAIN, PREDICT, ROW, server

LIMITING = {"RateLimit-Policy", "RateLimit", "Retry-After"}
INFER = "/v2/models/mixed/infer"


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def test_document_is_openapi_3_1(document):
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_document_is_not_sent_twice(client):
    first = client.get("/openapi.json")
    tag = first.headers["ETag"]
    again = client.get("/openapi.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"
    other = client.get("/openapi.json", headers={"If-None-Match": '"other"'})
    assert other.data == first.data


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


def test_headers_of_quotas_are_described_where_they_are_sent(bundles, tmp_path):
    """By what answers, queues and refuses: three rows are allowed, each costs one."""
    jobs_url = f"sqlite:///{tmp_path / 'jobs.db'}"
    client = server(bundles, tmp_path, "3/min", jobs_url=jobs_url)
    document = client.get("/openapi.json", headers=bearer("few")).json
    for path, rows, status in (
        (PREDICT, 4, 422),
        (INFER, 4, 400),
        (PREDICT, 1, 200),
        (EXPLAIN, 1, 202),
        (INFER, 1, 200),
        (PREDICT, 1, 429),
        (EXPLAIN, 2, 429),  # the same again would be the same job, paid for
        (INFER, 1, 429),
    ):
        body = tensors(rows) if path == INFER else {"instances": [ROW] * rows}
        headers = bearer("few") | {"Prefer": "respond-async"}
        reply = client.post(path, json=body, headers=headers)
        assert reply.status_code == status, (path, rows, reply.text)
        described = headers_of(document, path.replace("mixed", "{model}"), status)
        sent = LIMITING & set(reply.headers.keys())
        assert sent
        assert sent == LIMITING & set(described), (path, rows)
        for name in sent:
            schema, text = described[name]["schema"], reply.headers[name]
            value = int(text) if schema["type"] == "integer" else text
            jsonschema.validate(value, schema)


def tensors(rows):
    column = {"shape": [rows, 1]}
    age = {"name": "age", "datatype": "FP32", "data": [ROW[0]] * rows}
    colour = {"name": "colour", "datatype": "BYTES", "data": [ROW[1]] * rows}
    return {"inputs": [age | column, colour | column]}


def headers_of(document, path, status):
    response = document["paths"][path]["post"]["responses"][str(status)]
    shared = document["components"]["headers"]
    return {
        name: shared[header["$ref"].rpartition("/")[2]]
        for name, header in response.get("headers", {}).items()
    }


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


@pytest.mark.parametrize("expose", ["path", "prediction"])
def test_no_training_row_is_shown_where_the_bundle_hides_them(tmp_path, expose):
    write_cancer(tmp_path / "b", expose=expose)
    client = create_app(Settings(bundles=tmp_path)).test_client()
    background = open_model(tmp_path / "b").background
    paths = client.get("/openapi.json").json["paths"]
    request = paths["/v1/models/{model}:predict"]["post"]["requestBody"]
    examples = request["content"]["application/json"]["examples"]
    body = examples["breast-cancer"]["value"]
    shown = np.float32(body["instances"][0])
    assert not (background == shown).all(axis=1).any()
    reply = client.post("/v1/models/breast-cancer:predict", json=body)
    assert reply.status_code == 200
    assert reply.json["warnings"] == []


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
    statuses = attack(server, examples=20)
    assert {200, 404, 405, 422} <= statuses


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
