"""An object that names something twice is refused: only the last value would count."""

import json

import pytest

from tests.api.test_error_handlers import check

V2 = "/v2/models/mixed/infer"
AGE = '"name": "age", "datatype": "FP32", "shape": [1]'
COLOUR = '{"name": "colour", "datatype": "BYTES", "shape": [1], "data": ["red"]}'
INPUTS = f'"inputs": [{{{AGE}, "data": [30]}}, {COLOUR}]'
LONG = json.dumps([30.25] * 200)
MANY = (
    f'"inputs": [{{"name": "age", "datatype": "FP32", "shape": [200], "data": {LONG}}},'
    f'{{"name": "colour", "datatype": "BYTES", "shape": [200], '
    f'"data": {json.dumps(["red"] * 200)}}}]'
)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (f"{{{INPUTS}, {INPUTS}}}", "inputs"),
        (f'{{"id": "a", {INPUTS}, "id": "b"}}', "id"),
        (f'{{"inputs": [{{{AGE}, "data": [1], "data": [30]}}, {COLOUR}]}}', "data"),
        (f'{{"inputs": [{{{AGE}, "data": {LONG}, "data": [30]}}, {COLOUR}]}}', "data"),
        (f'{{"inputs": [{{{AGE}, "data": [30], "data": {LONG}}}, {COLOUR}]}}', "data"),
        (f'{{"inputs": [{{{AGE}, "name": "age", "data": [30]}}, {COLOUR}]}}', "name"),
        (
            f'{{{INPUTS}, "outputs": [{{"name": "lime", '
            f'"parameters": {{"samples": 50, "samples": 60}}}}]}}',
            "samples",
        ),
        (f'{{{INPUTS}, "id": null, "id": "a"}}', "id"),
        (f'{{{INPUTS}, "unknown": 1, "unknown": 2}}', "unknown"),
        (f'{{{MANY}, "parameters": {{"a": 1, "\\u0061": 2}}}}', "a"),
    ],
)
def test_v2_refuses_it(client, body, name):
    reply = client.post(V2, data=body, content_type="application/json")
    assert reply.status_code in (400, 422), reply.text
    assert f"names '{name}' twice" in reply.json["error"]


@pytest.mark.parametrize("inputs", [INPUTS, MANY])
def test_v2_answers_what_is_said_once(client, inputs):
    body = f'{{{inputs}, "outputs": [{{"name": "label"}}, {{"name": "lime"}}]}}'
    reply = client.post(V2, data=body, content_type="application/json")
    assert reply.status_code == 200, reply.text


def test_v2_survives_any_depth(client):
    """Between what msgspec reads and what the comparison of names does lies a step."""
    statuses = []
    for depth in (10, 500, *range(800, 1000), 9999):
        nested = '{"a":' * depth + "1" + "}" * depth
        body = f'{{{INPUTS}, "parameters": {{"a": {nested}}}}}'
        reply = client.post(V2, data=body, content_type="application/json")
        statuses.append(reply.status_code)
    assert set(statuses) == {200, 400}


def test_v2_refuses_it_before_raw_tensors_too(client):
    head = (
        '{"inputs": [{"name": "age", "name": "age", "datatype": "FP32", "shape": [1], '
        f'"parameters": {{"binary_data_size": 4}}}}, {COLOUR}]}}'
    ).encode()
    reply = client.post(
        V2,
        data=head + b"\0\0\xf0\x41",
        headers={"Inference-Header-Content-Length": str(len(head))},
        content_type="application/octet-stream",
    )
    assert reply.status_code in (400, 422)
    assert "names 'name' twice" in reply.json["error"]


def test_native_bodies_refuse_it(client):
    body = '{"instances": [[30, "red"]], "instances": [[40, "red"]]}'
    for path in ("/v1/models/mixed:predict", "/models/mixed/invoke"):
        reply = client.post(path, data=body, content_type="application/json")
        check(reply, 422, "invalid-request")
