"""KServe's own client, unchanged: every call of it, by both protocols."""

import json
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("kserve_calls.py")


@pytest.fixture(scope="module")
def calls(server, rows, run_in_clients):
    return run_in_clients(SCRIPT, server.url, stdin=json.dumps(rows))


@pytest.mark.parametrize(
    "name",
    ["v1 live", "v1 model ready", "v2 live", "v2 ready", "v2 model ready"],
)
def test_probe_says_yes(calls, name):
    assert calls[name] is True


def test_unknown_model_is_not_ready(calls):
    assert calls["v2 unknown model ready"] is False
    assert "404" in calls["v1 unknown model ready"]["raised"]


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models",
     "/v2/models/breast-cancer", "/v2/models/breast-cancer/ready",
     "/v2/models/breast-cancer/infer", "/v2/models/breast-cancer/explain"],
)  # fmt: skip
def test_document_has_the_shape_that_kserve_publishes(calls, path):
    assert "raised" not in calls[path], calls[path]


def test_v1_predicts(calls, expected):
    predictions = calls["v1 infer"]["predictions"]
    assert [p["label"] for p in predictions] == expected["label"]


def test_v1_explains(calls, expected):
    leaves = [row[0]["leaf"] for row in calls["v1 explain"]["explanations"]]
    assert leaves == expected["leaf"]
    methods = [e["method"] for e in calls["v1 explain by wish"]["explanations"][0]]
    assert methods == ["tree_path", "gradient"]


@pytest.mark.parametrize("name", ["v2 json", "v2 binary"])
def test_v2_infers(calls, expected, model, name):
    reply = calls[name]
    assert reply["id"] == "seven"
    assert reply["model"] == "breast-cancer"
    assert reply["parameters"] == {"digest": model.digest}
    assert reply["values"]["label"] == expected["label"]
    assert reply["values"]["leaf"] == expected["leaf"]
    got = np.float32(reply["values"]["probabilities"])
    assert np.array_equal(got, np.float32(expected["probabilities"]))


def test_v2_explains_by_an_output(calls, model, rows):
    values = calls["v2 gradient"]["values"]
    assert list(values) == ["gradient", "label"]
    target = np.full(len(rows), model.classes.index("benign"), dtype=np.int64)
    _, gradient = model.gradient(np.float32(rows), target)
    assert np.array_equal(np.float32(values["gradient"]), gradient)


def test_v2_errors_reach_the_caller_in_words(calls):
    assert "no model 'nope'" in calls["v2 unknown model"]["raised"]
    assert "not [n, 30], '400" in calls["v2 wrong shape"]["raised"]
    assert "404" in calls["v1 unknown model"]["raised"]
