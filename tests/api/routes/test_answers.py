"""Predictions and explanations over HTTP equal those computed in process."""

import json

import numpy as np
import orjson
import pytest

from explainers.registry import EXPLAINERS, available

PREDICT = "/v1/models/breast-cancer:predict"
EXPLAIN = "/v1/models/breast-cancer:explain"
MIXED = "/v1/models/mixed:explain"


def in_process(model, name, instances, **parameters):
    method = EXPLAINERS[name]
    prediction = model.predict(np.float32(instances))
    results = method.explain(model, prediction, method.parameters(**parameters))
    return orjson.loads(
        orjson.dumps(
            results,
            option=orjson.OPT_SERIALIZE_NUMPY,
            default=lambda struct: {
                f: getattr(struct, f) for f in struct.__struct_fields__
            },
        )
    )


def test_prediction_is_the_networks_label_with_its_probabilities(
    client, model, instances
):
    reply = client.post(PREDICT, json={"instances": instances}).json
    expected = model.predict(model.background)
    assert [p["label"] for p in reply["predictions"]] == [
        model.classes[label] for label in expected.labels
    ]
    served = np.float32([p["probabilities"] for p in reply["predictions"]])
    assert np.array_equal(served, expected.probabilities)
    assert reply["model"] == {
        "name": "breast-cancer",
        "version": "1",
        "digest": model.digest,
    }


def test_instances_by_name_and_by_order_answer_the_same(client, model, instances):
    names = [feature.name for feature in model.manifest.input.features]
    by_name = dict(zip(names, instances[0], strict=True))
    shuffled = dict(sorted(by_name.items(), reverse=True))
    reply = client.post(PREDICT, json={"instances": [instances[0], shuffled]}).json
    assert reply["predictions"][0] == reply["predictions"][1]


@pytest.mark.parametrize("name", list(EXPLAINERS))
def test_explanation_equals_the_one_computed_in_process(client, model, instances, name):
    if name not in available(model):
        reply = client.post(
            EXPLAIN, json={"instances": instances[:1], "explanations": [name]}
        )
        assert reply.status_code == 422
        assert reply.json["type"] == "/problems/unsupported-method"
        return
    body = {"instances": instances[:3], "explanations": [name]}
    reply = client.post(EXPLAIN, json=body).json
    served = [of_instance[0] for of_instance in reply["explanations"]]
    assert served == in_process(model, name, instances[:3])


def test_explain_without_a_wish_answers_the_path(client, model, instances):
    for extra in ({}, {"explanations": None}):
        reply = client.post(EXPLAIN, json={"instances": instances[:2], **extra}).json
        assert [[e["method"] for e in row] for row in reply["explanations"]] == [
            ["tree_path"],
            ["tree_path"],
        ]
    assert reply["predictions"][0]["label"] in model.classes


def test_no_wish_at_all_answers_no_explanation(client, instances):
    reply = client.post(EXPLAIN, json={"instances": instances[:1], "explanations": []})
    assert reply.json["explanations"] == [[]]


def test_requests_seed_is_the_default_of_methods_that_take_one(client, instances):
    asked = [
        "tree_path",
        "smoothgrad",
        {"method": "smoothgrad", "seed": 9},
        "counterfactual",
    ]
    body = {"instances": instances[:1], "explanations": asked, "seed": 7}
    answered = client.post(EXPLAIN, json=body).json["explanations"][0]
    assert [e.get("seed") for e in answered] == [None, 7, 9, None]
    assert answered[1]["attributions"] != answered[2]["attributions"]


def test_parameters_are_honoured_and_reported(client, model, instances):
    wish = {"method": "integrated_gradients", "target": "benign", "steps": 64}
    body = {"instances": instances[:1], "explanations": [wish]}
    answered = client.post(EXPLAIN, json=body).json["explanations"][0][0]
    assert answered["target"] == "benign"
    assert answered["parameters"]["baseline"] == "training_mean"
    expected = in_process(
        model, "integrated_gradients", instances[:1], target="benign", steps=64
    )
    assert answered == expected[0]


def test_categories_and_missing_values_are_taken_where_the_model_takes_them(client):
    body = {"instances": [[None, "red"], {"colour": "blue", "age": 30}]}
    reply = client.post(MIXED, json=body)
    assert reply.status_code == 200
    rules = [row[0]["rule"] for row in reply.json["explanations"]]
    assert all("colour" in rule or "age" in rule for rule in rules)


@pytest.mark.parametrize(
    ("instance", "path", "hint"),
    [
        ({"age": 30, "color": "red"}, "$.instances[0]", "did you mean 'colour'?"),
        ({"age": 30}, "$.instances[0]", "every feature must be named"),
        ([30], "$.instances[0]", "expects 2"),
        (["red", "red"], "$.instances[0][0]", None),
        ([30, None], "$.instances[0][1]", "without missing values"),
        ([True, "red"], "$.instances[0][0]", None),
        ([[30], "red"], "$.instances[0][0]", None),
        (30, "$.instances[0]", "send 2 values"),
        ([10**400, "red"], "$.instances[0][0]", None),
    ],
)
def test_instance_that_does_not_fit_is_named_with_what_is_allowed(
    client, instance, path, hint
):
    body = json.dumps({"instances": [instance]})  # orjson refuses huge integers
    reply = client.post(MIXED, data=body, content_type="application/json")
    assert reply.status_code == 422
    fault = reply.json["errors"][0]
    assert fault["path"] == path
    assert hint is None or hint in str(fault["allowed"])
    assert reply.json["type"] in (
        "/problems/invalid-instance",
        "/problems/invalid-request",
    )


def test_extreme_value_is_the_clients_fault_and_named(client, instances):
    extreme = [list(instances[0]), list(instances[1])]
    extreme[1][19] = 3e38  # 1e41 of its standard deviations
    body = {"instances": extreme, "explanations": ["input_x_gradient"]}
    for path in (PREDICT, EXPLAIN):
        wish = body if path == EXPLAIN else {"instances": extreme}
        reply = client.post(path, json=wish)
        assert reply.status_code == 422, reply.json
        assert (
            reply.json["errors"][0]["path"]
            == "$.instances[1]['fractal dimension error']"
        )
        assert "in training" in reply.json["errors"][0]["allowed"]


@pytest.mark.parametrize(
    ("wish", "kind", "where"),
    [
        ("limee", "unknown-method", "[0]"),
        ({"method": "nope"}, "unknown-method", "[0].method"),
        ({"steps": 3}, "invalid-request", "[0]"),
        ({"method": 3}, "invalid-request", "[0]"),
        (3, "invalid-request", "[0]"),
        ({"method": "lime", "samples": 1}, "invalid-parameter", "[0].samples"),
        ({"method": "lime", "nope": 1}, "invalid-parameter", "[0]"),
        ({"method": "gradient", "target": 2}, "invalid-parameter", "[0].target"),
        ({"method": "lime", "target": "x"}, "invalid-parameter", "[0].target"),
    ],
)
def test_explanation_that_cannot_be_is_named(client, instances, wish, kind, where):
    body = {"instances": instances[:1], "explanations": [wish]}
    reply = client.post(EXPLAIN, json=body)
    assert reply.status_code == 422
    assert reply.json["type"] == f"/problems/{kind}"
    assert reply.json["errors"][0]["path"] == f"$.explanations{where}"


def test_price_is_refused_before_the_work(client, instances):
    wish = {"method": "lime", "samples": 10_000, "repeats": 10}
    body = {"instances": instances[:32], "explanations": ["tree_path", wish]}
    reply = client.post(EXPLAIN, json=body)
    assert reply.status_code == 422
    assert reply.json["type"] == "/problems/too-expensive"
    fault = reply.json["errors"][0]
    assert fault["path"] == "$.explanations[1]"
    assert "250000 rows" in fault["allowed"]


def test_too_many_of_anything_is_refused(client, instances):
    many = {"instances": instances[:1] * 1025}
    assert client.post(PREDICT, json=many).status_code == 422
    wishes = {"instances": instances[:1], "explanations": ["tree_path"] * 9}
    assert client.post(EXPLAIN, json=wishes).status_code == 422
    assert client.post(PREDICT, json={"instances": []}).status_code == 422


def test_fields_that_do_not_exist_are_refused(client, instances):
    body = {"instances": instances[:1], "explanation": ["lime"]}
    reply = client.post(EXPLAIN, json=body)
    assert reply.status_code == 422
    assert "explanation" in reply.json["detail"]
