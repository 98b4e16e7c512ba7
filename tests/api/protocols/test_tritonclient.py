"""NVIDIA's own client, unchanged, and every call that it has."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from jsonschema import validate

from explainers.registry import EXPLAINERS
from tests.api.protocols import published

SCRIPT = Path(__file__).with_name("triton_calls.py")
EVERYTHING = [
    "binary both ways", "json both ways", "json in, binary out", "binary in, json out",
    "double precision", "gzip", "deflate", "gzip both ways", "json gzip", "version",
    "id", "priority and timeout", "async",
]  # fmt: skip


@pytest.fixture(scope="module")
def calls(server, rows, run_in_clients):
    return run_in_clients(SCRIPT, server.port, stdin=json.dumps(rows))


def test_probes(calls):
    assert [calls[name] for name in ("live", "ready", "model ready", "version ready")]
    assert not calls["unknown model ready"]
    assert not calls["unknown version ready"]


def test_documents_have_the_published_shapes(calls):
    validate(calls["server metadata"], published.SERVER)
    assert "explain" in calls["server metadata"]["extensions"]
    for name in ("model metadata", "version metadata"):
        validate(calls[name], published.MODEL)
    assert calls["model metadata"] == calls["version metadata"]
    assert calls["config"] == calls["version config"]
    for member in ("input", "output"):  # Triton's dims leave the rows out
        dims = {one["name"]: one["dims"] for one in calls["config"][member]}
        described = calls["model metadata"][f"{member}s"]
        shapes = {one["name"]: one["shape"] for one in described}
        assert {n: [-1, *map(int, d)] for n, d in dims.items()} == shapes
    for name in ("statistics", "model statistics", "version statistics"):
        validate(calls[name], published.STATISTICS)
    validate(calls["repository index"], published.INDEX)
    states = {entry["name"]: entry["state"] for entry in calls["repository index"]}
    assert states == {"breast-cancer": "READY", "mixed": "READY"}


@pytest.mark.parametrize("name", EVERYTHING)
def test_inference_answers_what_the_model_says(calls, expected, name):
    assert "raised" not in calls[name], calls[name]
    validate(calls[name]["reply"], published.INFERENCE)
    values = calls[name]["values"]
    assert values["label"] == expected["label"]
    assert values["leaf"] == expected["leaf"]
    assert values["agrees"] == expected["agrees"]
    for output in ("probabilities", "logits"):
        # Doubles that JSON carries read back as the same single precision.
        assert np.array_equal(np.float32(values[output]), np.float32(expected[output]))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("half precision", np.float16), ("bfloat16", ml_dtypes.bfloat16)],
)
def test_short_numbers_answer_as_what_they_round_to(calls, model, rows, name, dtype):
    expected = model.predict(np.array(rows).astype(dtype).astype(np.float32))
    values = calls[name]["values"]
    assert np.array_equal(np.float32(values["logits"]), expected.logits)
    assert values["leaf"] == expected.leaves.tolist()


def test_id_is_echoed_and_only_what_is_asked_for_is_sent(calls):
    assert calls["id"]["reply"]["id"] == "request 7"
    assert "id" not in calls["binary both ways"]["reply"]
    assert list(calls["one output"]["values"]) == ["label"]


def test_model_with_categories_takes_a_tensor_a_feature(calls):
    assert "raised" not in calls["by feature"]
    assert len(calls["by feature"]["values"]["label"]) == 2


def test_explanations_come_as_tensors_and_as_text(calls, model, rows):
    values = calls["explained"]["values"]
    method = EXPLAINERS["integrated_gradients"]
    prediction = model.predict(np.float32(rows))
    parameters = method.parameters(steps=64, target="benign")
    for got, one in zip(
        values["integrated_gradients"],
        method.explain(model, prediction, parameters),
        strict=True,
    ):
        assert np.array_equal(np.float32(got), one.attributions)
    paths = [json.loads(text) for text in values["tree_path"]]
    assert [path["leaf"] for path in paths] == prediction.leaves.tolist()
    assert all(path["rule"] for path in paths)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("load", "403", "signal HUP"),
        ("unload", "403", "signal HUP"),
        ("unknown model", "404", "served: breast-cancer, mixed"),
        ("unknown output", "400", "outputs are label, probabilities"),
        ("unknown input", "400", "expected one tensor 'input'"),
        ("wrong shape", "400", "needs 28"),
        ("no metadata", "404", "no model 'nope'"),
        ("no version", "404", "served in version '1'"),
        ("trace settings", "404", "nothing is at"),
        ("log settings", "404", "nothing is at"),
        ("shared memory", "404", "nothing is at"),
        ("cuda shared memory", "404", "nothing is at"),
        ("register memory", "404", "nothing is at"),
    ],
)
def test_refusal_reaches_the_caller_in_words(calls, name, status, words):
    assert calls[name]["status"] == status
    assert words in calls[name]["raised"]
