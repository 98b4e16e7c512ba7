"""What only pictures have: rows of pixels, channels last as sent and first as read."""

import json

import numpy as np
import pytest

PREDICT = "/v1/models/patches:predict"


@pytest.fixture
def patches(trained):
    return trained["patches"]


def test_a_picture_is_sent_as_rows_of_pixels(client, patches):
    (instance,) = patches.instances([3])
    assert np.shape(instance) == (5, 7, 3)
    (inputs,) = patches.rows([3])
    assert np.array_equal(np.moveaxis(instance, -1, 0), inputs[0])
    reply = client.post(PREDICT, json={"instances": [instance]}).json
    served = reply["predictions"][0]["probabilities"]
    np.testing.assert_allclose(served, patches.probabilities([3])[0], atol=2e-5)


def changed(instance, *place, to):
    copied = json.loads(json.dumps(instance))
    *outer, last = place
    inner = copied
    for i in outer:
        inner = inner[i]
    inner[last] = to
    return copied


@pytest.mark.parametrize(
    ("place", "value", "path", "hint"),
    [
        ((4,), [[0, 0, 0]] * 6, "$.instances[1][4]", "expects 7"),
        ((4,), 0, "$.instances[1][4]", None),
        ((4, 6), [0, 0], "$.instances[1][4][6]", "expects 3"),
        ((4, 6), 0, "$.instances[1][4][6]", None),
        ((4, 6, 2), "0", "$.instances[1][4][6][2]", None),
        ((4, 6, 2), None, "$.instances[1][4][6][2]", None),
        ((4, 6, 2), True, "$.instances[1][4][6][2]", None),
        ((0, 0, 0), 10**400, "$.instances[1][0][0][0]", "3.4e38"),
        ((2, 3, 1), 1e39, "$.instances[1][2][3][1]", "3.4e38"),
    ],
)  # fmt: skip
def test_a_picture_that_does_not_fit_is_named(
    client, patches, place, value, path, hint
):
    good, other = patches.instances([0, 1])
    body = json.dumps({"instances": [good, changed(other, *place, to=value)]})
    reply = client.post(PREDICT, data=body, content_type="application/json")
    assert reply.status_code == 422
    fault = reply.json["errors"][0]
    assert fault["path"] == path
    assert hint is None or hint in str(fault["allowed"])


def test_the_extreme_pixel_is_named_as_the_client_nests_it(client, patches):
    good = patches.instances([0])[0]
    extreme = changed([[[2e38] * 3] * 7] * 5, 4, 2, 1, to=3e38)
    body = {"instances": [good, extreme]}
    reply = client.post("/v1/models/patches:explain", json=body)
    assert reply.status_code == 422, reply.text
    (fault,) = reply.json["errors"]
    assert fault["path"] == "$.instances[1][4][2][1]"
    assert "3e+38 for 'green'" in fault["problem"]


def test_v2_names_the_pixel_that_is_not_finite(client, patches):
    (inputs,) = patches.rows(range(2))
    values = inputs.astype(np.float64)
    values[1, 2, 0, 6] = 1e39
    tensor = {"name": "input", "datatype": "FP64", "shape": [2, 3, 5, 7],
              "data": values.ravel().tolist()}  # fmt: skip
    reply = client.post("/v2/models/patches/infer", json={"inputs": [tensor]})
    assert reply.status_code == 400
    assert reply.json["error"].startswith("input[1][2][0][6]: 1e+39 is not a finite")


@pytest.mark.parametrize("pictures", [3, 4])
def test_more_pixels_than_one_request_may_send_are_refused(
    client, patches, pictures, monkeypatch
):
    """Before the prediction, which would hold a thread of the server as long."""
    monkeypatch.setattr("api.limits.MAX_NETWORK_POSITIONS", 3 * 35 + 34)
    body = {"instances": patches.instances(range(pictures))}
    values = np.float32(patches.rows(range(pictures))[0])
    tensor = {"name": "input", "datatype": "FP32", "shape": list(values.shape)}
    tensors = {"inputs": [tensor | {"data": values.ravel().tolist()}]}
    replies = [
        client.post(PREDICT, json=body),
        client.post("/v1/models/patches:explain", json=body),
        client.post("/v2/models/patches/infer", json=tensors),
    ]
    if pictures == 3:
        assert [reply.status_code for reply in replies[::2]] == [200, 200]
        return
    assert [reply.status_code for reply in replies] == [422, 422, 400]
    for reply in replies[:2]:
        assert reply.json["type"] == "/problems/too-expensive"
        (fault,) = reply.json["errors"]
        assert fault["path"] == "$.instances"
        assert fault["allowed"] == "at most 3"
    assert "one request may hold 3 instances" in replies[2].json["error"]
