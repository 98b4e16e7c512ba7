"""Regions over HTTP: each region's tree alone, and its name in every path."""

import subprocess

import pytest

TREE = "/v1/models/regional/tree"
NAMES = ["worst radius <= 16.5", "worst radius > 16.5"]


def get(client, region=None, **headers):
    query = {} if region is None else {"region": region}
    reply = client.get(TREE, query_string=query, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply


def test_the_tree_lists_its_regions(client, trained):
    document = get(client).json
    assert document["region"] is None
    assert [region["name"] for region in document["regions"]] == NAMES
    nodes = document["nodes"]
    assert sum(r["leaves"] for r in document["regions"]) == document["leaves"]
    assert sum(r["n"] for r in document["regions"]) == nodes[0]["n"]
    assert max(r["depth"] for r in document["regions"]) + 1 == document["depth"]
    for region in document["regions"]:
        assert region["fidelity"]["value"] == nodes[region["root"]]["fidelity"]


def test_a_region_s_nodes_route_its_own_inputs_alone(client, trained):
    case = trained["regional"]
    instances = case.instances(range(100))
    body = {"instances": instances}
    explained = client.post("/v1/models/regional:explain", json=body).json
    documents = {name: get(client, name).json for name in NAMES}
    for instance, (path,) in zip(instances, explained["explanations"], strict=True):
        assert path["region"] == NAMES[instance[20] > 16.5]
        document = documents[path["region"]]
        nodes = {node["id"]: node for node in document["nodes"]}
        roots = {region["name"]: region["root"] for region in document["regions"]}
        node = nodes[roots[path["region"]]]
        while not node.get("leaf"):
            left = instance[node["feature"]] <= node["threshold"]
            node = nodes[node["left"] if left else node["right"]]
        assert node["id"] == path["leaf"]
        assert node["label"] == path["label"]
    whole = get(client).json["nodes"]
    parts = [node for document in documents.values() for node in document["nodes"]]
    assert len(parts) == len(whole) - 1  # but for the decision between the two
    assert all(node in whole for node in parts)


def test_every_form_shows_one_region_alone(client):
    for region in get(client).json["regions"]:
        nodes = [node["id"] for node in get(client, region["name"]).json["nodes"]]
        text = get(client, region["name"], Accept="text/plain").text
        assert len(text.splitlines()) == region["leaves"]
        dot = get(client, region["name"], Accept="text/vnd.graphviz").data
        run = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True)
        drawn = [line.split() for line in run.stdout.decode().splitlines()]
        assert sorted(int(w[1]) for w in drawn if w[0] == "node") == sorted(nodes)
        assert sum(w[0] == "edge" for w in drawn) == len(nodes) - 1
        picture = get(client, region["name"], Accept="image/svg+xml").text
        shown = [i for i in range(100) if f'id="node-{i}"' in picture]
        assert shown == sorted(nodes)


@pytest.mark.parametrize("path", [TREE, f"{TREE}/nodes/0"])
@pytest.mark.parametrize("region", ["worst radius", "", "WORST RADIUS > 16.5"])
def test_an_unknown_region_is_answered_with_all_of_them(client, path, region):
    reply = client.get(path, query_string={"region": region})
    assert reply.status_code == 404
    assert reply.json["type"] == "/problems/not-in-bundle"
    assert reply.json["errors"][0]["path"] == "?region"
    assert all(name in reply.json["errors"][0]["allowed"] for name in NAMES)


def test_a_node_names_its_region_and_is_in_no_other(client):
    first, second = get(client).json["regions"]
    root = f"{TREE}/nodes/{first['root']}"
    assert client.get(root).json["region"] == first["name"]
    assert client.get(f"{TREE}/nodes/0").json["region"] is None
    same = client.get(root, query_string={"region": first["name"]})
    assert same.json == client.get(root).json
    other = client.get(root, query_string={"region": second["name"]})
    assert other.status_code == 404
