"""What training never saw is answered with a warning, or refused, and counted."""

import json

import msgspec
import numpy as np
import pytest

from api.app import create_app
from api.settings import Settings
from explainers.bundle import read_bundle, write_bundle
from tests.api.small_bundles import write_mixed
from tests.api.test_metrics import samples

PREDICT, EXPLAIN = "/v1/models/mixed:predict", "/v1/models/mixed:explain"
INFER = "/v2/models/mixed/infer"
TALL = {
    "path": "$.instances[0]['age']", "feature": "age", "value": 71.5, "minimum": 20.0,
    "maximum": 70.0, "instances": [0],
    "problem": "71.5 for 'age' is outside the training range, 20 to 70",
}  # fmt: skip


def warnings_of(client, *instances, path=PREDICT):
    reply = client.post(path, json={"instances": list(instances)})
    assert reply.status_code == 200, reply.text
    return reply.json["warnings"]


@pytest.mark.parametrize("path", [PREDICT, EXPLAIN])
def test_a_number_out_of_range_is_named_with_value_and_range(client, path):
    assert warnings_of(client, [71.5, "red"], path=path) == [TALL]
    by_name = {"colour": "red", "age": 71.5}
    assert warnings_of(client, by_name, path=path) == [TALL]


def test_the_range_of_training_itself_is_no_warning(client, instances, model):
    features = model.manifest.input.features
    for bound, beyond in (("minimum", -np.inf), ("maximum", np.inf)):
        edge = [getattr(feature, bound) for feature in features]
        path = "/v1/models/breast-cancer:predict"
        assert warnings_of(client, edge, *instances, path=path) == []
        past = [float(np.nextafter(np.float32(v), np.float32(beyond))) for v in edge]
        named = warnings_of(client, past, path=path)
        assert [one["feature"] for one in named] == [f.name for f in features]
        assert [np.float32(one["value"]) for one in named] == [
            np.float32(value) for value in past
        ]
        assert [np.float32(one[bound]) for one in named] == [
            np.float32(value) for value in edge
        ]
    assert warnings_of(client, [20, "red"], [70, "blue"], [None, "green"]) == []


def test_of_many_instances_the_farthest_is_shown_and_all_are_numbered(client):
    rows = [[30, "red"], [80, "red"], [-500, "red"], [None, "red"], [90, "red"]]
    (warning,) = warnings_of(client, *rows)
    assert warning["path"] == "$.instances[2]['age']"
    assert warning["value"] == -500
    assert warning["instances"] == [1, 2, 4]


def test_numbers_are_told_as_one_would_write_them(client, model):
    lowest, *others = model.manifest.input.features
    row = [99.9, *(feature.minimum for feature in others)]
    (warning,) = warnings_of(client, row, path="/v1/models/breast-cancer:predict")
    assert (warning["value"], warning["minimum"]) == (99.9, 6.981)
    assert lowest.minimum != 6.981  # in double precision: 6.980999946594238


@pytest.mark.parametrize("sent", ["purple", 3, 1.5, ""])
def test_an_unseen_category_is_answered_as_none_of_the_others(client, sent):
    """By hand: the one-hot columns are 0, and -1 + 1 are the logits of age 30."""
    reply = client.post(PREDICT, json={"instances": [[30, "red"], [30, sent]]})
    expected = np.exp([-1, 1]) / np.exp([-1, 1]).sum()
    found = reply.json["predictions"][1]["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (warning,) = reply.json["warnings"]
    assert warning["path"] == "$.instances[1]['colour']"
    assert warning["value"] == sent
    assert (warning["minimum"], warning["maximum"]) == (None, None)
    assert warning["instances"] == [1]
    assert repr(sent) in warning["problem"]


def test_every_method_explains_an_unseen_category(client):
    methods = client.get("/v1/models/mixed").json["methods"]
    assert "counterfactual" in methods
    assert "lime" in methods
    for method in methods:
        body = {"instances": [[30, "purple"]], "explanations": [method]}
        reply = client.post(EXPLAIN, json=body)
        assert reply.status_code == 200, (method, reply.text)


@pytest.fixture
def strict(tmp_path):
    """A client of the mixed bundle, written to refuse what training never saw."""
    (tmp_path / "bundles").mkdir()
    write_mixed(tmp_path / "bundles" / "mixed")
    bundle = read_bundle(tmp_path / "bundles" / "mixed")
    schema = msgspec.structs.replace(bundle.manifest.input, beyond_training="refuse")
    manifest = msgspec.structs.replace(bundle.manifest, input=schema)
    write_bundle(tmp_path / "bundles" / "mixed", manifest, bundle.files)
    return create_app(Settings(bundles=tmp_path / "bundles")).test_client()


@pytest.mark.parametrize(
    ("row", "path", "words"),
    [
        ([71.5, "red"], "$.instances[1]['age']", "outside the training range, 20 to"),
        ([30, "purple"], "$.instances[1][1]", "'purple' is not a category"),
    ],
)
@pytest.mark.parametrize("asked", [PREDICT, EXPLAIN])
def test_a_bundle_may_refuse_instead(strict, asked, row, path, words):
    assert strict.post(asked, json={"instances": [[30, "red"]]}).status_code == 200
    reply = strict.post(asked, json={"instances": [[30, "red"], row]})
    assert reply.status_code == 422
    assert reply.json["type"] == "/problems/invalid-instance"
    assert reply.json["errors"][0]["path"] == path
    assert words in reply.json["detail"]


def _tensors(ages, colours):
    return {
        "inputs": [
            {"name": "age", "shape": [2], "datatype": "FP32", "data": ages},
            {"name": "colour", "shape": [2], "datatype": "BYTES", "data": colours},
        ]
    }


def test_v2_warns_in_the_parameters_of_its_reply(client, strict):
    fine = client.post(INFER, json=_tensors([30, 40], ["red", "blue"]))
    assert "warnings" not in fine.json["parameters"]
    unusual = _tensors([30, 71.5], ["purple", "red"])
    reply = client.post(INFER, json=unusual)
    age, colour = json.loads(reply.json["parameters"]["warnings"])
    assert (age["path"], age["value"]) == ("input[1]['age']", 71.5)
    assert (colour["path"], colour["value"]) == ("input[0]['colour']", "purple")
    refused = strict.post(INFER, json=unusual)
    assert refused.status_code == 400 or refused.status_code == 422
    assert "'purple' is not a category" in refused.json["error"]


def test_csv_warns_as_json_does(client):
    reply = client.post(
        "/models/mixed/invoke", data="71.5,red", content_type="text/csv"
    )
    assert reply.json["warnings"] == [TALL]


def counted(client):
    """What the metrics counted: (feature, kind) -> instances."""
    return {
        (dict(labels)["feature"], dict(labels)["kind"]): value
        for (name, labels), value in samples(client).items()
        if name == "leafpath_unusual_inputs_total"
    }


def test_refused_inputs_are_counted_too(strict):
    tall = [[30, "red"], [80, "red"], [None, "red"], [-1, "red"]]
    for path in (PREDICT, EXPLAIN, "/models/mixed/invoke"):
        assert strict.post(path, json={"instances": tall}).status_code == 422
    later = {"Prefer": "respond-async"}
    assert (
        strict.post(EXPLAIN, json={"instances": tall}, headers=later).status_code == 422
    )
    assert (
        strict.post(INFER, json=_tensors([30, 71.5], ["red", "red"])).status_code >= 400
    )
    assert counted(strict) == {("age", "out_of_range"): 9, ("age", "missing"): 4}
    purple = [[30, "red"], [30, "purple"]]
    assert strict.post(PREDICT, json={"instances": purple}).status_code == 422
    refused = strict.post(INFER, json=_tensors([30, 30], ["red", "mauve"]))
    assert refused.status_code >= 400
    assert counted(strict)["colour", "unseen_category"] == 2
    # What could not be meant at all is no drift.
    for row in ([30, ["red"]], ["30", "red"], [30], [1e39, "red"]):
        assert strict.post(PREDICT, json={"instances": [row]}).status_code == 422
    assert sum(counted(strict).values()) == 15


def test_unusual_inputs_are_counted_by_feature(client):
    rows = [[30, "red"], [80, "red"], [None, "purple"], [None, "mauve"], [90, "red"]]
    client.post(PREDICT, json={"instances": rows})
    client.post(EXPLAIN, json={"instances": rows[:2]})
    client.post(INFER, json=_tensors([80, 30], ["red", "red"]))
    assert counted(client) == {
        ("age", "out_of_range"): 4, ("age", "missing"): 2,
        ("colour", "unseen_category"): 2,
    }  # fmt: skip
