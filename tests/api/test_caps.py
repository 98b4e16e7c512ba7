"""Caps of methods' parameters: shown, kept by defaults, refused over every protocol."""

import pytest

from api.app import create_app
from api.errors import SettingsError
from api.settings import Settings, from_environment
from tests.api.test_error_handlers import check

MIXED, CANCER = "/v1/models/mixed", "/v1/models/breast-cancer"
ROW = [30, "red"]
CAPS = "lime.samples=300, mixed:lime.samples=600, mixed:integrated_gradients.steps=7"
TENSORS = {
    "inputs": [
        {"name": "age", "datatype": "FP32", "shape": [1, 1], "data": [30]},
        {"name": "colour", "datatype": "BYTES", "shape": [1, 1], "data": ["red"]},
    ]
}


def client_of(bundles, caps, **settings):
    caps = from_environment({"LEAFPATH_CAPS": caps}).caps
    return create_app(Settings(bundles=bundles, caps=caps, **settings)).test_client()


@pytest.fixture
def capped(bundles):
    return client_of(bundles, CAPS)


def methods(client, model=MIXED):
    listed = client.get(f"{model}/methods").json["methods"]
    return {one["name"]: one for one in listed}


def explain(client, wish, model=MIXED, row=ROW, **headers):
    body = {"instances": [row], "explanations": [wish]}
    return client.post(f"{model}:explain", json=body, headers=headers)


def test_one_beyond_the_cap_is_refused_with_its_place(capped):
    assert explain(capped, {"method": "lime", "samples": 600}).status_code == 200
    refused = explain(capped, {"method": "lime", "samples": 601})
    check(refused, 422, "invalid-parameter")
    (fault,) = refused.json["errors"]
    assert fault["path"] == "$.explanations[0].samples"
    assert "<= 600" in fault["problem"]


def test_a_model_without_caps_of_its_own_has_those_of_all(capped, instances):
    ask = {"method": "lime", "samples": 300}
    assert explain(capped, ask, CANCER, instances[0]).status_code == 200
    refused = explain(capped, ask | {"samples": 301}, CANCER, instances[0])
    check(refused, 422, "invalid-parameter")
    ask = {"method": "integrated_gradients", "steps": 128}  # capped for mixed alone
    assert explain(capped, ask, CANCER, instances[0]).status_code == 200


def test_the_methods_page_shows_the_cap_and_what_it_costs_now(capped, client):
    lime, steps = (
        methods(capped)[name]["parameters"]["properties"][parameter]
        for name, parameter in (("lime", "samples"), ("integrated_gradients", "steps"))
    )
    assert (lime["minimum"], lime["maximum"], lime["default"]) == (50, 600, 600)
    assert (steps["minimum"], steps["maximum"], steps["default"]) == (1, 7, 7)
    before, now = methods(client), methods(capped)
    assert now["lime"]["rows"] < before["lime"]["rows"]
    untouched = [n for n in before if n not in ("lime", "integrated_gradients")]
    assert [now[n] for n in untouched] == [before[n] for n in untouched]


def test_defaults_keep_to_the_cap_and_the_answer_says_so(capped, client):
    answer = explain(capped, "lime").json["explanations"][0][0]
    asked = explain(client, {"method": "lime", "samples": 600})
    assert answer == asked.json["explanations"][0][0]
    assert answer["parameters"]["samples"] == 600


def test_other_protocols_keep_to_it_too(capped):
    def infer(samples):
        output = {"name": "lime", "parameters": {"samples": samples}}
        body = TENSORS | {"outputs": [output]}
        return capped.post("/v2/models/mixed/infer", json=body)

    assert infer(600).status_code == 200
    refused = infer(601)
    assert refused.status_code in (400, 422)
    assert "<= 600" in refused.json["error"]
    body = {"instances": [ROW], "explanations": [{"method": "lime", "samples": 601}]}
    later = {"Prefer": "respond-async"}
    for path, headers in ((f"{MIXED}:explain", later), ("/models/mixed/invoke", {})):
        reply = capped.post(path, json=body, headers=headers)
        check(reply, 422, "invalid-parameter")


def test_what_the_cap_of_a_parameter_must_not_loosen(capped):
    for wish in (
        {"method": "lime", "samples": 49},
        {"method": "lime", "sampels": 100},
        {"method": "integrated_gradients", "steps": 7, "max_steps": 6},
    ):
        check(explain(capped, wish), 422, "invalid-parameter")


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        ("limee.samples=100", "no method 'limee'; .*lime"),
        ("lime.sample=100", "lime.sample: cannot be capped; samples, repeats"),
        ("lime.segments=5", "cannot be capped"),
        ("lime.seed=5", "cannot be capped"),
        ("tree_path.depth=5", "none of its parameters can"),
        ("lime.samples=49", "49 is no cap; 50 to 10000"),
        ("lime.samples=10001", "10001 is no cap"),
        ("nobody:lime.samples=49", "49 is no cap"),
        ("integrated_gradients.max_steps=20", "at least steps .50."),
    ],
)
def test_caps_that_cannot_be_meant_stop_the_start(bundles, caps, words):
    with pytest.raises(SettingsError, match=f"LEAFPATH_CAPS: .*{words}"):
        client_of(bundles, caps)


def test_a_cap_of_no_model_is_told(start):
    server = start(workers=1, caps="nobody:lime.samples=100")
    told = [x for x in server.log_lines() if "caps of a model" in str(x["event"])]
    assert [line["model"] for line in told] == ["nobody"]
