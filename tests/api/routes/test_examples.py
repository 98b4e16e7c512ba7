"""Rows to try a model with: real, answered as the model answers, hidden where asked."""

import numpy as np
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.small_bundles import write_cancer

EXAMPLES = "/v1/models/breast-cancer/examples"


def test_list_says_what_network_and_tree_answer(client, model):
    answers = model.background_prediction
    listed = client.get(EXAMPLES).json["examples"]
    assert [e["row"] for e in listed] == list(range(len(model.background)))
    for example, label, tree_label in zip(
        listed, answers.labels, answers.tree_labels, strict=True
    ):
        assert example["label"] == model.classes[label]
        assert example["tree_label"] == model.classes[tree_label]
        assert example["agrees"] == (label == tree_label)


@pytest.mark.parametrize("name", ["breast-cancer", "mixed"])
def test_example_is_an_instance_that_gets_the_listed_answer(client, name):
    path = f"/v1/models/{name}"
    for example in client.get(f"{path}/examples").json["examples"]:
        page = client.get(f"{path}/examples/{example['row']}").json
        body = {"instances": [page["instance"]]}
        (answer,) = client.post(f"{path}:predict", json=body).json["predictions"]
        assert answer["label"] == example["label"]
        assert np.isclose(max(answer["probabilities"]), example["probability"])


def test_example_that_is_not_there_is_named(client, model):
    reply = client.get(f"{EXAMPLES}/{len(model.background)}")
    assert reply.status_code == 404
    assert f"0 to {len(model.background) - 1}" in reply.json["detail"]


@pytest.mark.parametrize("expose", ["path", "prediction"])
def test_training_rows_are_hidden_where_the_bundle_says_so(tmp_path, expose):
    write_cancer(tmp_path / "b", expose=expose)
    client = create_app(Settings(bundles=tmp_path)).test_client()
    for path in (EXAMPLES, f"{EXAMPLES}/0"):
        reply = client.get(path)
        assert (reply.status_code, reply.json["type"]) == (403, "/problems/not-exposed")
    assert "examples" not in client.get("/v1/models/breast-cancer").json["documents"]
