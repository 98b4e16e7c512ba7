"""Sequences and pictures from the bundle to the client, over every protocol."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
import torch

from api.cli import _example_body
from api.examples import is_shown
from explainers.bundle import read_bundle
from explainers.registry import available
from tests.api.processes import ROOT, attack
from tests.api.protocols import published


def url(case, verb):
    return f"/v1/models/{case.model.name}:{verb}"


def ask(client, case, instances, *asked, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"instances": instances, "explanations": list(asked)}
    reply = client.post(url(case, "explain"), json=body, headers=names)
    assert reply.status_code == 200, reply.text
    return reply


def test_the_bundle_verifies(case):
    command = [sys.executable, "-m", "leafpath", "verify", str(case.path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert case.model.digest in run.stdout


def test_predictions_are_the_trained_network_s(client, case):
    reply = client.post(
        url(case, "predict"), json={"instances": case.instances(range(20))}
    )
    predictions = reply.json["predictions"]
    served = np.float32([p["probabilities"] for p in predictions])
    expected = case.probabilities(range(20))
    np.testing.assert_allclose(served, expected, atol=2e-5)
    classes = case.model.classes
    assert [p["label"] for p in predictions] == [classes[i] for i in expected.argmax(1)]


def test_the_gradient_is_torch_s_nested_as_the_input(client, case):
    reply = ask(
        client, case, case.instances(range(6)), {"method": "gradient", "target": 1}
    )
    x, *rest = case.tensors(range(6))
    answers = case.trained.network(x.requires_grad_(True), *rest)
    (expected,) = torch.autograd.grad(answers[:, 1].sum(), [x])
    for row, (explanation,) in enumerate(reply.json["explanations"]):
        found = np.float32(explanation["attributions"])
        wanted = expected[row].numpy()
        if rest:  # a sequence's answer has its own steps, not those of the batch
            wanted = wanted[: int(rest[0][row])]
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def test_an_answer_depends_neither_on_its_batch_nor_on_the_cache(client, case):
    for method in available(case.model):
        instances = case.instances(range(12))

        def answers(rows, method=method):
            reply = ask(client, case, rows, method, Cache_Control="no-store")
            pairs = (reply.json["predictions"], reply.json["explanations"])
            return list(zip(*pairs, strict=True))

        together = answers(instances)
        assert [answers([row])[0] for row in instances] == together
        assert answers(instances[::-1]) == together[::-1]


def test_a_cached_answer_is_the_miss_byte_for_byte(client, case):
    costly = [
        m for m, method in available(case.model).items() if method.cost != "cheap"
    ]
    rows = case.instances(range(3))
    replies = [ask(client, case, rows, "tree_path", *costly[:7]) for _ in range(2)]
    assert [reply.headers["X-Cache"] for reply in replies] == ["miss", "hit"]
    assert replies[0].data == replies[1].data
    # One row of the three, in another batch, is found too.
    assert ask(client, case, rows[1:2], *costly[:7]).headers["X-Cache"] == "hit"


def test_the_tree_s_path_speaks_of_the_features_in_words(client, case):
    reply = ask(client, case, case.instances(range(20)), "tree_path").json
    names = {column.name for column in case.model.manifest.tree_features}
    expected = case.model.predict(*case.rows(range(20)))
    for row, (path,) in enumerate(reply["explanations"]):
        assert path["leaf"] == expected.leaves[row]
        assert {step["name"] for step in path["path"]} <= names
        for step in path["path"]:
            assert step["value"] == float(
                str(expected.tree_features[row, step["feature"]])
            )
            assert (step["value"] <= step["threshold"]) == (step["operator"] == "<=")
        assert path["region"] is None


def v2(case, numbers, *outputs, **more):
    inputs, *lengths = case.rows(numbers)
    tensors = [tensor("input", "FP32", inputs)]
    tensors += [tensor("lengths", "INT64", n) for n in lengths]
    asked = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    return {"inputs": tensors, **asked, **more}


def tensor(name, datatype, values):
    return {"name": name, "datatype": datatype, "shape": list(values.shape),
            "data": values.ravel().tolist()}  # fmt: skip


def outputs_of(reply):
    assert reply.status_code == 200, reply.text
    jsonschema.validate(reply.json, published.INFERENCE)
    return {output["name"]: output for output in reply.json["outputs"]}


def test_v2_answers_what_the_native_api_answers(client, case):
    names = ("label", "probabilities", "leaf", "gradient", "integrated_gradients")
    path = f"/v2/models/{case.model.name}/infer"
    found = outputs_of(client.post(path, json=v2(case, range(5), *names)))
    methods = ("tree_path", "gradient", "integrated_gradients")
    native = ask(client, case, case.instances(range(5)), *methods).json
    assert found["label"]["data"] == [p["label"] for p in native["predictions"]]
    assert found["leaf"]["data"] == [row[0]["leaf"] for row in native["explanations"]]
    probabilities = [p["probabilities"] for p in native["predictions"]]
    assert found["probabilities"]["data"] == sum(probabilities, [])
    inputs = case.rows(range(5))[0]
    for column, name in enumerate(methods[1:], start=1):
        values = np.float32(found[name]["data"]).reshape(found[name]["shape"])
        assert values.shape == inputs.shape
        for row, explanations in enumerate(native["explanations"]):
            wanted = np.float32(explanations[column]["attributions"])
            steps = len(wanted)  # of a sequence; the rest of its row is padding
            assert np.array_equal(values[row][:steps], wanted)
            assert not values[row][steps:].any()


def test_v2_metadata_declares_the_shapes_that_are_taken(client, case):
    page = client.get(f"/v2/models/{case.model.name}").json
    jsonschema.validate(page, published.MODEL)
    declared = {t["name"]: (t["datatype"], t["shape"]) for t in page["inputs"]}
    sent = v2(case, range(3))["inputs"]
    assert set(declared) == {t["name"] for t in sent}
    for one in sent:
        datatype, shape = declared[one["name"]]
        assert one["datatype"] == datatype
        assert len(one["shape"]) == len(shape)
        assert all(
            wanted in (-1, size)
            for wanted, size in zip(shape, one["shape"], strict=True)
        )
    explained = {t["name"]: t["shape"] for t in page["explanations"]}
    assert explained["gradient"] == declared["input"][1]


def test_triton_s_client_gets_the_native_answers(start, trained, run_in_clients):
    server = start()
    cases = [trained["visits"], trained["patches"]]
    sent = {}
    for case in cases:
        arrays = [array.tolist() for array in case.rows(range(4))]
        sent[case.model.name] = dict(zip(("input", "lengths"), arrays, strict=False))
    script = Path(__file__).with_name("triton_calls.py")
    got = run_in_clients(script, server.port, stdin=json.dumps(sent))
    for case in cases:
        values = got[case.model.name]
        body = {
            "instances": case.instances(range(4)),
            "explanations": ["integrated_gradients"],
        }
        native = server.post(url(case, "explain"), json=body).json()
        assert values["label"] == [p["label"] for p in native["predictions"]]
        found = np.float32(values["probabilities"])
        wanted = np.float32([p["probabilities"] for p in native["predictions"]])
        assert np.array_equal(found, wanted)
        assert np.shape(values["integrated_gradients"]) == case.rows(range(4))[0].shape
        for row, (explanation,) in enumerate(native["explanations"]):
            wanted = np.float32(explanation["attributions"])
            found = np.float32(values["integrated_gradients"][row])
            assert np.array_equal(found[: len(wanted)], wanted)


def test_sagemaker_takes_json_and_refuses_rows_of_csv(client, case):
    path = f"/models/{case.model.name}/invoke"
    body = {"instances": case.instances(range(4))}
    native = client.post(url(case, "predict"), json=body)
    assert client.post(path, json=body).data == native.data
    refused = client.post(path, data="1,2\n", content_type="text/csv")
    assert refused.status_code == 415
    assert f"{case.model.manifest.family} inputs; send JSON" in refused.json["detail"]


def test_the_price_counts_every_step_and_every_pixel(client, case):
    wish = {"method": "smoothgrad", "samples": 1000}
    inputs, *lengths = case.rows(range(240))
    longest = int(lengths[0].max()) if lengths else 5 * 7
    instances = case.instances(range(240))
    body = {"instances": instances, "explanations": [wish, wish]}
    reply = client.post(url(case, "explain"), json=body)
    assert reply.status_code == 422
    fault = reply.json["errors"][0]
    assert fault["path"] == "$.explanations[0]"
    limit = min(250_000, 5_000_000 // longest)
    assert fault["allowed"] == f"{limit} rows for the whole request"


@pytest.fixture(scope="module")
def instance_schemas(bundles):
    from api.app import create_app
    from api.settings import Settings

    client = create_app(Settings(bundles=bundles)).test_client()
    return client.get("/openapi.json").json["components"]["schemas"]


def test_requests_that_are_shown_work(client, case):
    greeting = _example_body(read_bundle(case.path))
    reply = client.post(
        url(case, "explain"), data=greeting, content_type="application/json"
    )
    assert reply.status_code == 200, reply.text
    paths = client.get("/openapi.json").json["paths"]
    tried = 0
    for path, item in paths.items():
        body = item.get("post", {}).get("requestBody")
        if body is None or "{model}" not in path:
            continue
        shown = body["content"]["application/json"]["examples"][case.model.name]
        where = path.replace("{model}", case.model.name).replace("{version}", "1")
        reply = client.post(where, json=shown["value"])
        assert reply.status_code == 200, reply.text
        tried += 1
    assert tried == 7  # :predict, :explain, V2 with and without version, SageMaker


def test_an_instance_that_nobody_copies_by_hand_is_not_shown(case):
    schema = case.model.manifest.input
    assert is_shown(schema)
    assert not is_shown(msgspec.structs.replace(schema, shape=(3, 224, 224)))


def test_the_document_s_schema_takes_what_the_server_takes(
    client, case, instance_schemas
):
    schema = instance_schemas[f"Instance.{case.model.name}"]
    jsonschema.Draft202012Validator.check_schema(schema)
    for instance in case.instances(range(20)):
        jsonschema.validate(instance, schema)
    good = case.instances([0])[0]
    for bad in ([], good[0], [good], good + [[]], good * 10, "x"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
        reply = client.post(url(case, "predict"), json={"instances": [bad]})
        assert reply.status_code == 422


def test_answers_are_what_the_document_says(client, case, instance_schemas):
    methods = list(available(case.model))[:8]
    reply = ask(client, case, case.instances(range(3)), *methods).json
    schema = {
        "$ref": "#/components/schemas/ExplainReply",
        "components": {"schemas": instance_schemas},
    }
    jsonschema.Draft202012Validator(schema).validate(reply)


def test_a_server_of_every_family_keeps_to_its_document(start):
    statuses = attack(start(), examples=5)
    assert {200, 404, 405, 422} <= statuses


def test_a_real_server_answers_from_redis_what_it_computed(
    trained, start, redis_server
):
    """Two workers and a shared cache: the second answer may come from the other one."""
    server = start(cache_url=redis_server.url, cache_bytes=0)
    for name in ("visits", "patches"):
        case = trained[name]
        body = {
            "instances": case.instances(range(3)),
            "explanations": ["tree_path", "integrated_gradients", "smoothgrad"],
        }
        replies = [server.post(url(case, "explain"), json=body) for _ in range(4)]
        assert [r.headers["X-Cache"] for r in replies] == ["miss", *["hit"] * 3]
        assert len({r.content for r in replies}) == 1
