"""What the server says about its models."""

import jsonschema

from explainers.registry import EXPLAINERS, available

PAGE = "/v1/models/breast-cancer"


def test_list_has_names_for_kserve_clients_and_details_for_others(client, model):
    listed = client.get("/v1/models").json
    assert listed["models"] == ["breast-cancer", "mixed"]
    assert listed["details"][0]["digest"] == model.digest


def test_page_says_what_the_model_takes_answers_and_how_good_it_is(client, model):
    page = client.get(PAGE).json
    assert (page["name"], page["ready"]) == ("breast-cancer", True)
    assert page["digest"] == model.digest
    assert len(page["inputs"]["features"]) == 30
    assert page["classes"] == ["malignant", "benign"]
    assert page["metrics"]["tree"]["fidelity"]["value"] > 0.9
    assert page["methods"] == list(available(model))
    mixed = client.get("/v1/models/mixed").json["inputs"]["features"]
    assert mixed[0]["unit"] == "years"
    assert mixed[0]["missing"] == "impute"
    assert mixed[1]["categories"] == ["red", "green", "blue"]


def test_page_does_not_tell_where_the_model_was_trained(client):
    assert "provenance" not in client.get(PAGE).json


def test_methods_come_with_parameters_that_their_schema_accepts(client, model):
    methods = client.get(f"{PAGE}/methods").json["methods"]
    assert [m["name"] for m in methods] == list(EXPLAINERS)
    for method in methods:
        defaults = {
            name: schema["default"]
            for name, schema in method["parameters"]["properties"].items()
        }
        jsonschema.validate(defaults, method["parameters"])
        assert method["available"] == (method["name"] in available(model))
        assert (method["reason"] is None) == method["available"]
        assert method["cached"] == (method["cost"] != "cheap")
