"""The tree over HTTP: the same tree in every form, kept by clients until it changes."""

import subprocess

import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.small_bundles import write_cancer

TREE = "/v1/models/breast-cancer/tree"
FORMS = ["application/json", "text/plain", "text/vnd.graphviz", "image/svg+xml"]


def test_json_lets_a_client_route_every_instance_as_the_model_does(client, model):
    document = client.get(TREE).json
    nodes = {node["id"]: node for node in document["nodes"]}
    prediction = model.predict(model.background)
    for values, leaf in zip(model.background, prediction.leaves, strict=True):
        node = nodes[0]
        while not node.get("leaf"):
            left = values[node["feature"]] <= node["threshold"]
            node = nodes[node["left"] if left else node["right"]]
        assert node["id"] == leaf
    assert document["leaves"] == len(model.tree.leaves)
    assert document["depth"] == model.tree.depth
    assert document["regions"] is None
    assert document["classes"] == list(model.classes)
    assert document["features"][20]["name"] == "worst radius"


def test_nodes_carry_support_and_fidelity(client, model):
    for node, source in zip(
        client.get(TREE).json["nodes"], model.tree.nodes, strict=True
    ):
        assert node["n"] == source.n
        assert node["fidelity"] == source.fidelity.value
        assert node["class_counts"] == list(source.class_counts)
        assert ("threshold" in node) != node.get("leaf", False)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_its_own_etag_and_is_not_sent_twice(client, form):
    first = client.get(TREE, headers={"Accept": form})
    assert first.status_code == 200
    assert first.mimetype == form
    assert "Accept" in first.headers["Vary"]
    again = client.get(
        TREE, headers={"Accept": form, "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    other = FORMS[FORMS.index(form) - 1]
    changed = client.get(
        TREE, headers={"Accept": other, "If-None-Match": first.headers["ETag"]}
    )
    assert changed.status_code == 200


def test_etag_of_the_json_is_the_digest(client, model):
    assert client.get(TREE).headers["ETag"] == f'"{model.digest}"'


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        (" ", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("image/svg+xml;q=0.2, text/plain;q=0.9", "text/plain"),
        ("text/*", "text/plain"),
    ],
)
def test_the_preferred_form_is_sent(client, accept, form):
    assert client.get(TREE, headers={"Accept": accept}).mimetype == form


@pytest.mark.parametrize("accept", ["video/mp4", "application/json;q=0", ";;;"])
def test_form_that_does_not_exist_is_refused(client, accept):
    reply = client.get(TREE, headers={"Accept": accept})
    assert reply.status_code == 406
    assert "image/svg+xml" in reply.json["detail"]


def test_text_has_one_rule_a_leaf(client, model):
    lines = client.get(TREE, headers={"Accept": "text/plain"}).text.splitlines()
    assert len(lines) == len(model.tree.leaves)


def test_graphviz_draws_what_it_is_sent(client):
    dot = client.get(TREE, headers={"Accept": "text/vnd.graphviz"}).data
    drawn = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, check=True)
    assert b"</svg>" in drawn.stdout


def test_picture_shows_every_node(client, model):
    picture = client.get(TREE, headers={"Accept": "image/svg+xml"}).text
    for node in model.tree.nodes:
        assert f'id="node-{node.id}"' in picture
    assert "worst" in picture
    assert "<script" not in picture


def test_node_comes_with_the_decisions_that_lead_to_it(client, model, instances):
    explained = client.post(
        "/v1/models/breast-cancer:explain", json={"instances": instances[:1]}
    ).json["explanations"][0][0]
    page = client.get(f"{TREE}/nodes/{explained['leaf']}").json
    assert page["rule"] == explained["rule"]
    keys = ("node", "feature", "name", "operator", "threshold")
    assert page["path"] == [{k: step[k] for k in keys} for step in explained["path"]]
    inner = client.get(f"{TREE}/nodes/{explained['path'][1]['node']}").json
    assert inner["path"] == page["path"][:1]
    assert inner["rule"].split()[-1] in page["rule"]
    assert client.get(f"{TREE}/nodes/0").json["rule"] == "always"


@pytest.mark.parametrize("node", ["99", "9" * 30, "-1", "1.5", "x"])
def test_node_that_does_not_exist_is_not_found(client, node):
    assert client.get(f"{TREE}/nodes/{node}").status_code == 404


def test_region_is_not_found_where_there_are_none(client):
    for path in (TREE, f"{TREE}/nodes/0"):
        reply = client.get(f"{path}?region=a")
        assert reply.status_code == 404
        assert reply.json["errors"][0]["allowed"] == "none: leave it out"


@pytest.mark.parametrize(
    ("expose", "hidden"),
    [
        ("path", [TREE, f"{TREE}/nodes/0", "/v1/models/breast-cancer/report"]),
        ("prediction", [TREE, f"{TREE}/nodes/0", "/v1/models/breast-cancer/report"]),
    ],
)
def test_tree_is_hidden_where_the_bundle_says_so(tmp_path, instances, expose, hidden):
    write_cancer(
        tmp_path / "b", expose=expose, files={"report.html": b"<p>the tree</p>"}
    )
    client = create_app(Settings(bundles=tmp_path)).test_client()
    for path in hidden:
        reply = client.get(path)
        assert (reply.status_code, reply.json["type"]) == (403, "/problems/not-exposed")
    explained = client.post(
        "/v1/models/breast-cancer:explain", json={"instances": instances[:1]}
    )
    assert explained.status_code == (200 if expose == "path" else 403)
    methods = client.get("/v1/models/breast-cancer/methods").json["methods"]
    assert any(m["available"] for m in methods) == (expose == "path")
    assert client.get("/v1/models/breast-cancer").json["expose"] == expose
