"""What only sequences have: steps, lengths, padding, an answer at every step."""

import json
import math

import numpy as np
import pytest
import torch

PREDICT = "/v1/models/visits:predict"
INFER = "/v2/models/visits/infer"


@pytest.fixture
def visits(trained):
    return trained["visits"]


def test_an_answer_for_every_step_is_asked_for_by_sending_what_was_seen_so_far(
    client, visits
):
    """Trained with a label a step: the network's own answer at each step, by torch."""
    table = visits.trained.prepared.family.table
    lasting = table.lengths == table.lengths.max()
    sequences = torch.from_numpy(table.X[lasting])
    with torch.no_grad():
        logits = visits.trained.network.every_step(sequences)
    varied = int((logits.argmax(2).float().std(1) > 0).nonzero()[0])
    steps = sequences[varied].numpy()
    so_far = [steps[: n + 1].tolist() for n in range(len(steps))]
    reply = client.post(PREDICT, json={"instances": so_far}).json
    expected = torch.softmax(logits[varied], dim=1).numpy()
    served = np.float32([p["probabilities"] for p in reply["predictions"]])
    np.testing.assert_allclose(served, expected, atol=2e-5)
    assert len({p["label"] for p in reply["predictions"]}) == 2


def test_steps_by_name_are_the_steps_by_order(client, visits):
    instance = visits.instances([5])[0]
    named = [{"dose": dose, "pulse": pulse} for pulse, dose in instance]
    mixed = [named[0], *instance[1:]]
    replies = {
        client.post(PREDICT, json={"instances": [one]}).data
        for one in (instance, named, mixed)
    }
    assert len(replies) == 1


@pytest.mark.parametrize(
    ("instance", "path", "hint"),
    [
        ([[60, 1]] * 10, "$.instances[0]", "1 to 9"),
        ([], "$.instances[0]", "1 to 9"),
        ([60, 1], "$.instances[0][0]", "send 2 values"),
        ([[60, 1], [60]], "$.instances[0][1]", "expects 2: pulse, dose"),
        ([[60, 1], [60, None]], "$.instances[0][1][1]", "without missing values"),
        ([[60, 1], ["60", 1]], "$.instances[0][1][0]", None),
        ([[60, 1], {"pulse": 60}], "$.instances[0][1]", "every feature"),
        ([{"puls": 60, "dose": 1}], "$.instances[0][0]", "did you mean 'pulse'?"),
        ([[60, 10**400]], "$.instances[0][0][1]", "3.4e38"),
        (7, "$.instances[0]", "list of steps"),
    ],
)
def test_a_sequence_that_does_not_fit_is_named(client, instance, path, hint):
    body = json.dumps({"instances": [instance]})  # orjson refuses huge integers
    for url in (PREDICT, "/v1/models/visits:explain", "/models/visits/invoke"):
        reply = client.post(url, data=body, content_type="application/json")
        assert reply.status_code == 422
        fault = reply.json["errors"][0]
        assert fault["path"] == path
        assert hint is None or hint in str(fault["allowed"])


def test_the_extreme_value_is_named_and_never_the_padding(client, visits):
    """Padding is 0, far from any pulse in training; it is not what overflowed.

    The network saturates, but the mean of the last three pulses is infinite.
    """
    short, long = [[60, 1]], [[60, 1], [2e38, 2], [3e38, 2], [2e38, 1]]
    body = {"instances": [short, long]}
    reply = client.post("/v1/models/visits:explain", json=body)
    assert reply.status_code == 422, reply.text
    (fault,) = reply.json["errors"]
    assert fault["path"] == "$.instances[1][2][0]"
    assert "3e+38 for 'pulse'" in fault["problem"]
    assert "were seen in training" in fault["allowed"]


def request_of(visits, values, lengths=None):
    tensors = [
        {
            "name": "input",
            "datatype": "FP64",
            "shape": list(values.shape),
            "data": [None if math.isnan(v) else v for v in values.ravel()],
        }
    ]
    if lengths is not None:
        tensors.append({"name": "lengths", "datatype": "INT64",
                        "shape": [len(lengths)], "data": lengths})  # fmt: skip
    return {"inputs": tensors}


def test_v2_ignores_what_stands_after_a_sequence_s_length(client, visits):
    inputs, lengths = visits.rows(range(8))
    after = np.arange(inputs.shape[1]) >= lengths[:, None]
    bodies = set()
    for filler in (0.0, -7e37, math.nan):
        values = inputs.astype(np.float64)
        values[after] = filler
        reply = client.post(INFER, json=request_of(visits, values, lengths.tolist()))
        assert reply.status_code == 200, reply.text
        bodies.add(reply.data)
    assert len(bodies) == 1


def test_v2_counts_every_step_where_no_lengths_are_sent(client, visits):
    values = np.full((2, 4, 2), 60.0)
    whole = client.post(INFER, json=request_of(visits, values))
    assert (
        whole.data == client.post(INFER, json=request_of(visits, values, [4, 4])).data
    )
    assert (
        whole.data != client.post(INFER, json=request_of(visits, values, [4, 3])).data
    )


@pytest.mark.parametrize(
    ("shape", "lengths", "words"),
    [
        ((2, 4, 2), [4], "must hold 2 numbers from 1 to 4"),
        ((2, 4, 2), [4, 0], "from 1 to 4"),
        ((2, 4, 2), [5, 1], "from 1 to 4"),
        ((2, 10, 2), None, "shape [2, 10, 2], not [n, 9, 2]"),
        ((2, 0, 2), None, "shape [2, 0, 2]"),
        ((2, 4, 3), None, "shape [2, 4, 3]"),
        ((2, 8), None, "shape [2, 8]"),
    ],
)  # fmt: skip
def test_v2_names_shapes_and_lengths_that_do_not_fit(
    client, visits, shape, lengths, words
):
    reply = client.post(INFER, json=request_of(visits, np.ones(shape), lengths))
    assert reply.status_code == 400
    assert words in reply.json["error"]


def test_v2_names_the_step_that_is_not_finite(client, visits):
    values = np.full((2, 4, 2), 60.0)
    values[1, 2, 0] = math.nan
    reply = client.post(INFER, json=request_of(visits, values))
    assert reply.status_code == 400
    assert reply.json["error"].startswith("input[1][2][0]: nan is not a finite")
