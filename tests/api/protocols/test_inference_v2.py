"""V2 over HTTP: what clients may send, and what they must not."""

import gzip
import hashlib
import json
import shutil
import struct
import zlib

import ml_dtypes
import numpy as np
import pytest
from jsonschema import validate

from api.app import create_app
from api.settings import Settings
from tests.api.protocols import published
from tests.api.small_bundles import write_cancer

INFER = "/v2/models/breast-cancer/infer"
EXPLAIN = "/v2/models/breast-cancer/explain"
INDEX = "/v2/repository/index"
HEADER = "Inference-Header-Content-Length"


def tensor(values, name="input", datatype="FP32", shape=None, **more):
    array = np.array(values)
    return {"name": name, "datatype": datatype, "shape": shape or list(array.shape),
            "data": array.ravel().tolist(), **more}  # fmt: skip


def request_of(rows, *outputs, **more):
    body = {"inputs": [tensor(rows)], **more}
    if outputs:
        body["outputs"] = [
            {"name": o} if isinstance(o, str) else o for o in outputs
        ]  # fmt: skip
    return body


def outputs_of(reply):
    assert reply.status_code == 200, reply.text
    validate(reply.json, published.INFERENCE)
    return {output["name"]: output for output in reply.json["outputs"]}


def refused(reply, status=400):
    assert reply.status_code == status, reply.text
    assert reply.content_type == "application/json"
    validate(reply.json, published.ERROR)
    return reply.json["error"]


def binary(client, head, tensors, path=INFER, **headers):
    text = json.dumps(head).encode()
    headers = {HEADER: str(len(text))} | headers
    return client.post(path, data=text + tensors, headers=headers)


def raw_input(rows, datatype="FP32", dtype="<f4", **changes):
    part = np.array(rows, dtype=dtype).tobytes()
    member = {"name": "input", "datatype": datatype, "shape": [len(rows), 30],
              "parameters": {"binary_data_size": len(part)}} | changes  # fmt: skip
    return {"inputs": [member]}, part


@pytest.mark.parametrize("slash", ["", "/"])
def test_server_answers_with_and_without_a_slash(client, slash):
    reply = client.get(f"/v2{slash}")
    assert reply.status_code == 200
    validate(reply.json, published.SERVER)
    assert client.get(f"/v2/health/live{slash}").json == {"live": True}
    assert client.get(f"/v2/health/ready{slash}").json["ready"] is True


@pytest.mark.parametrize("what", ["", "/ready", "/config", "/stats"])
def test_every_path_of_a_model_has_four_spellings(client, what):
    bodies = {
        client.get(f"/v2/models/breast-cancer{version}{what}{slash}").data
        for version in ("", "/versions/1")
        for slash in ("", "/")
    }
    assert len(bodies) == 1
    assert client.get(f"/v2/models/breast-cancer/versions/2{what}").status_code == 404


def test_inference_has_four_spellings(client, rows):
    bodies = {
        client.post(f"/v2/models/breast-cancer{version}/infer{slash}",
                    json=request_of(rows)).data
        for version in ("", "/versions/1")
        for slash in ("", "/")
    }  # fmt: skip
    assert len(bodies) == 1


def test_nested_and_flat_data_are_the_same(client, rows):
    nested = request_of(rows)
    nested["inputs"][0]["data"] = rows
    flat = client.post(INFER, json=request_of(rows))
    assert client.post(INFER, json=nested).data == flat.data


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [("FP64", "<f8"), ("FP16", "<f2"), ("INT64", "<i8"), ("INT32", "<i4"),
     ("UINT16", "<u2"), ("INT8", "i1")],
)  # fmt: skip
def test_every_datatype_of_numbers_is_read(client, model, datatype, dtype):
    rows = np.arange(60).reshape(2, 30).astype(dtype)
    expected = model.predict(rows.astype(np.float32)).probabilities
    body = {"inputs": [tensor(rows, datatype=datatype)],
            "outputs": [{"name": "probabilities"}]}  # fmt: skip
    got = [outputs_of(client.post(INFER, json=body))["probabilities"]["data"]]
    head, part = raw_input(rows, datatype, dtype)
    reply = binary(client, head | {"outputs": body["outputs"]}, part)
    got.append(outputs_of(reply)["probabilities"]["data"])
    for values in got:
        assert np.array_equal(np.float32(values).reshape(2, 2), expected)


def test_half_precision_is_the_same_as_json_and_as_bytes(client, model, rows):
    halves = np.array(rows, dtype=np.float16)
    assert not np.array_equal(halves, np.float32(rows))
    body = request_of(rows, "logits")
    body["inputs"][0]["datatype"] = "FP16"
    head, part = raw_input(halves, "FP16", "<f2")
    by_json = outputs_of(client.post(INFER, json=body))
    by_bytes = outputs_of(binary(client, head | {"outputs": body["outputs"]}, part))
    assert by_json == by_bytes
    expected = model.predict(halves.astype(np.float32)).logits
    got = np.float32(by_json["logits"]["data"]).reshape(expected.shape)
    assert np.array_equal(got, expected)


def test_bfloat16_is_read_as_bytes(client, model, rows):
    halves = np.array(rows).astype(ml_dtypes.bfloat16)
    expected = model.predict(halves.astype(np.float32)).probabilities
    head, part = raw_input(halves, "BF16", ml_dtypes.bfloat16)
    reply = binary(client, head | {"outputs": [{"name": "probabilities"}]}, part)
    got = outputs_of(reply)["probabilities"]["data"]
    assert np.array_equal(np.float32(got).reshape(-1, 2), expected)


def test_outputs_are_sent_in_the_order_asked_for_and_no_others(client, rows):
    reply = client.post(INFER, json=request_of(rows, "agrees", "label"))
    assert list(outputs_of(reply)) == ["agrees", "label"]


def test_binary_is_a_choice_for_each_output(client, model, rows):
    body = request_of(
        rows,
        {"name": "logits", "parameters": {"binary_data": False}},
        "leaf",
        "label",
        parameters={"binary_data_output": True},
    )
    reply = client.post(INFER, json=body)
    assert reply.content_type == "application/octet-stream"
    length = int(reply.headers[HEADER])
    head = json.loads(reply.data[:length])
    validate(head, published.INFERENCE)
    logits, leaf, label = head["outputs"]
    assert len(logits["data"]) == 2 * len(rows)
    size = leaf["parameters"]["binary_data_size"]
    leaves = np.frombuffer(reply.data[length : length + size], "<i8")
    prediction = model.predict(np.float32(rows))
    assert leaves.tolist() == prediction.leaves.tolist()
    texts, at = [], length + size
    while at < len(reply.data):
        (n,) = struct.unpack_from("<I", reply.data, at)
        texts.append(reply.data[at + 4 : at + 4 + n].decode())
        at += 4 + n
    assert texts == [model.classes[i] for i in prediction.labels]
    assert label["parameters"]["binary_data_size"] == len(reply.data) - length - size


def test_batch_and_single_rows_answer_the_same(client, rows):
    names = ("probabilities", "leaf")
    whole = outputs_of(client.post(INFER, json=request_of(rows, *names)))
    for i, row in enumerate(rows):
        one = outputs_of(client.post(INFER, json=request_of([row], *names)))
        assert (
            one["probabilities"]["data"]
            == whole["probabilities"]["data"][2 * i : 2 * i + 2]
        )
        assert one["leaf"]["data"] == [whole["leaf"]["data"][i]]


def test_explain_adds_the_path_and_infer_does_not(client, rows):
    explained = outputs_of(client.post(EXPLAIN, json=request_of(rows)))
    assert list(explained)[-1] == "tree_path"
    path = json.loads(explained["tree_path"]["data"][0])
    assert path["method"] == "tree_path"
    inferred = outputs_of(client.post(INFER, json=request_of(rows)))
    assert list(inferred) == list(explained)[:-1]


def test_every_offered_explanation_can_be_asked_for(client, rows):
    metadata = client.get("/v2/models/breast-cancer").json
    for described in metadata["explanations"]:
        body = request_of(rows[:2], described["name"])
        output = outputs_of(client.post(INFER, json=body))[described["name"]]
        assert output["datatype"] == described["datatype"]
        assert output["shape"] == [2, *described["shape"][1:]]


def test_explanation_may_have_another_name_and_come_whole(client, rows):
    wishes = [
        {"name": "zero", "parameters": {"method": "integrated_gradients",
                                        "baseline": "zero", "format": "json"}},
        {"name": "mean", "parameters": {"method": "integrated_gradients"}},
    ]  # fmt: skip
    outputs = outputs_of(client.post(INFER, json=request_of(rows, *wishes)))
    whole = json.loads(outputs["zero"]["data"][0])
    assert whole["parameters"]["baseline"] == "zero"
    assert outputs["zero"]["parameters"] == {"method": "integrated_gradients"}
    assert outputs["mean"]["shape"] == [len(rows), 30]


def test_cached_explanation_is_the_same_bytes(client, rows):
    body = request_of(rows, "integrated_gradients", {"name": "lime", "parameters":
                      {"format": "json"}})  # fmt: skip
    first, second = (client.post(INFER, json=body) for _ in range(2))
    assert [r.headers["X-Cache"] for r in (first, second)] == ["miss", "hit"]
    assert first.data == second.data
    fresh = client.post(INFER, json=body, headers={"Cache-Control": "no-store"})
    assert fresh.data == first.data


def test_fresh_ids_hit_the_cache(client, rows):
    outcomes = [
        client.post(INFER, json=request_of(rows, "smoothgrad", id=str(i))).headers
        for i in range(3)
    ]
    assert [headers["X-Cache"] for headers in outcomes] == ["miss", "hit", "hit"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP", "identity"])
def test_compressed_bodies_are_read(client, rows, coding):
    text = json.dumps(request_of(rows)).encode()
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}
    packed = pack.get(coding.lower(), bytes)(text)
    reply = client.post(INFER, data=packed, headers={"Content-Encoding": coding})
    assert reply.data == client.post(INFER, data=text).data


def test_compressed_binary_counts_the_uncompressed_json(client, rows):
    head, part = raw_input(rows)
    text = json.dumps(head).encode()
    reply = client.post(
        INFER,
        data=gzip.compress(text + part),
        headers={"Content-Encoding": "gzip", HEADER: str(len(text))},
    )
    assert reply.data == binary(client, head, part).data


def test_expansion_is_bounded(bundles):
    app = create_app(Settings(bundles=bundles, max_body_bytes=100_000))
    for bomb in (gzip.compress(b" " * 50_000_000), zlib.compress(b" " * 100_001)):
        coding = "gzip" if bomb[:2] == b"\x1f\x8b" else "deflate"
        reply = app.test_client().post(
            INFER, data=bomb, headers={"Content-Encoding": coding}
        )
        assert "expands to more than 100000" in refused(reply, 413)


@pytest.mark.parametrize(
    ("coding", "body", "status", "words"),
    [
        ("br", b"x", 415, "gzip, deflate, identity"),
        ("gzip, gzip", b"x", 415, "not read"),
        ("gzip", b"nonsense", 400, "no gzip"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-4], 400, "ends too soon"),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"more", 400, "goes on"),
        ("gzip", b"", 400, "ends too soon"),
        ("deflate", zlib.compress(b"{}")[2:], 400, "no deflate"),
    ],
)
def test_broken_compression_is_refused(client, coding, body, status, words):
    reply = client.post(INFER, data=body, headers={"Content-Encoding": coding})
    assert words in refused(reply, status)


def test_missing_and_known_content_types_are_accepted(client, rows):
    text = json.dumps(request_of(rows)).encode()
    for given in (None, "application/json", "application/octet-stream",
                  "application/json; charset=utf-8"):  # fmt: skip
        headers = {} if given is None else {"Content-Type": given}
        assert client.post(INFER, data=text, headers=headers).status_code == 200
    reply = client.post(INFER, data=text, headers={"Content-Type": "text/plain"})
    assert "application/json or application/octet-stream" in refused(reply, 415)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nope", 404), ("GET", "/v2/models/nope", 404),
        ("GET", "/v2/models/nope/ready", 404), ("POST", "/v2/models/nope/infer", 404),
        ("GET", "/v2/models/breast-cancer/versions/9", 404), ("GET", INFER, 405),
        ("POST", "/v2", 405), ("DELETE", "/v2/models/breast-cancer", 405),
        ("GET", "/v2/repository/index", 405), ("POST", "/v2/models//infer", 404),
        ("POST", "/v2/repository/models/breast-cancer/load", 403),
        ("POST", "/v2/repository/models/nope/unload", 403), ("POST", INFER, 400),
    ],
)  # fmt: skip
def test_every_error_is_the_protocols(client, method, path, status):
    refused(client.open(path, method=method), status)


def test_body_over_the_limit_is_the_protocols_error(bundles, rows):
    app = create_app(Settings(bundles=bundles, max_body_bytes=100))
    assert "100" in refused(app.test_client().post(INFER, json=request_of(rows)), 413)


def test_fault_of_the_server_is_the_protocols_error(app):
    def broken():
        raise RuntimeError("the secret is 42")

    app.add_url_rule("/v2/broken", view_func=broken)
    assert "42" not in refused(app.test_client().get("/v2/broken"), 500)


ONE = [[1.0] * 30]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [1]}, "has 30 values, but shape [1] needs 1"),
        ({"shape": [2, 15]}, "has shape [2, 15], not [n, 30]"),
        ({"shape": [0, 30], "data": []}, "0 rows"),
        ({"shape": [-1, 30]}, "sizes"),
        ({"shape": []}, "1 to 8 sizes"),
        ({"shape": [10**30, 30]}, "needs"),
        ({"shape": [1.5, 30]}, "shape"),
        ({"shape": "x"}, "shape"),
        ({"datatype": "BF16"}, "raw bytes only"),
        ({"datatype": "FP8"}, "known are"),
        ({"datatype": "BYTES"}, "is BYTES"),
        ({"datatype": "BYTES", "data": ["1"] * 30}, "send numbers"),
        ({"datatype": "INT8", "data": [300] * 30}, "no INT8"),
        ({"datatype": "FP16", "data": [65_520.0] * 30}, "no FP16"),
        ({"datatype": "INT64", "data": [1.5] * 30}, "no INT64"),
        ({"datatype": "INT64", "data": [2**63] * 30}, "no INT64"),
        ({"datatype": "INT64", "data": [None] * 30}, "no INT64"),
        ({"datatype": "BOOL", "data": [1] * 30}, "bool"),
        ({"data": ["1"] * 30}, "FP32"),
        ({"data": [True] * 30}, "FP32"),
        ({"data": [None] * 30}, "is null"),
        ({"data": [1e39] + [1] * 29}, "3.4e38"),
        ({"data": [[1.0] * 29]}, "nested"),
        ({"data": [[1.0] * 30, 1.0]}, "nested"),
        ({"data": [[[1.0] * 30]]}, "nested"),
        ({"data": [{}] * 30}, "FP32"),
        ({"data": {}}, "got `object`"),
        ({"data": 3}, "got `int`"),
        ({"data": None}, "got `null`"),
        ({"parameters": {"binary_data_size": 120}}, "either"),
        ({"parameters": 3}, "parameters"),
        ({"name": "nope"}, "expected one tensor 'input'"),
        ({"name": 3}, "name"),
    ],
)
def test_tensor_that_is_not_what_it_says_is_named(client, change, words):
    body = {"inputs": [tensor(ONE) | change]}
    assert words in refused(client.post(INFER, data=json.dumps(body)))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "expected"),
        ({"inputs": {}}, "inputs"),
        ([], "object"),
        ({"inputs": [tensor(ONE), tensor(ONE)]}, "twice"),
        ({"inputs": [tensor(ONE), tensor(ONE, "more")]}, "'more' is not an input"),
        ({"inputs": [tensor(ONE)], "id": 7}, "id"),
        ({"inputs": [tensor(ONE)], "parameters": {"binary_data_output": 1}}, "true or"),
        (request_of(ONE, "label", "label"), "twice"),
        (request_of(ONE, {"name": "label", "parameters": {"classification": 3}}),
         "takes no parameters"),
        (request_of(ONE, {"name": "gradient", "parameters": {"format": "xml"}}), "xml"),
        (request_of(ONE, {"name": "tree_path", "parameters": {"format": "tensor"}}),
         "'json' only"),
        (request_of(ONE, {"name": "a", "parameters": {"method": "nope"}}), "nope"),
        (request_of(ONE, {"name": "a", "parameters": {"method": 3}}), "method"),
        (request_of(ONE, {"name": "lime", "parameters": {"samples": 1}}), "samples"),
        (request_of(ONE, {"name": "lime", "parameters": {"binary_data": "x"}}), "true"),
        (request_of(ONE, "grad_cam"), "grad_cam"),
        (request_of(ONE * 600, {"name": "lime", "parameters": {"samples": 10_000}}),
         "rows through the network"),
        (request_of(ONE, *({"name": str(i), "parameters": {"method": "gradient"}}
                           for i in range(9))), "at most 8"),
        (request_of([[1.0] * 30, [3e38] * 30]), "input[1]['"),
        (request_of([[1.0] * 30, [3e38] * 30]), "outside the training range"),
        (request_of([[1.0] * 30, [None] * 30]), "input[1][0]: 'mean radius' is null"),
    ],
)  # fmt: skip
def test_request_that_cannot_be_answered_says_why(client, body, words):
    assert words in refused(client.post(INFER, data=json.dumps(body)))


def test_more_rows_than_the_limit_are_refused(client):
    head, part = raw_input(np.ones((1025, 30)))
    assert "1025 rows" in refused(binary(client, head, part))


@pytest.mark.parametrize(
    ("length", "words"),
    [("", "must be"), ("x", "must be"), ("-1", "must be"), ("1e3", "must be"),
     ("99999", "the body has"), ("9" * 20, "must be"), ("0", "not JSON"),
     ("5", "not JSON")],
)  # fmt: skip
def test_length_of_the_json_must_be_true(client, length, words):
    head, part = raw_input(ONE)
    reply = client.post(
        INFER, data=json.dumps(head).encode() + part, headers={HEADER: length}
    )
    assert words in refused(reply)


def test_raw_tensors_without_their_header_are_explained(client):
    head, part = raw_input(ONE)
    reply = client.post(INFER, data=json.dumps(head).encode() + part)
    assert HEADER in refused(reply)


@pytest.mark.parametrize("size", [0, 119, 121, -1, True, "120", 1e2, 2**70, None])
def test_size_of_a_raw_tensor_must_be_true(client, size):
    head, part = raw_input(ONE, parameters={"binary_data_size": size})
    refused(binary(client, head, part))


def test_bytes_of_nobody_are_refused(client):
    head, part = raw_input(ONE)
    assert "belong to no input" in refused(binary(client, head, part + b"1234"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_json_cannot_say_is_no_value_as_bytes_either(client, value):
    head, part = raw_input([[value] * 30])
    assert "mean radius" in refused(binary(client, head, part))


@pytest.mark.parametrize(
    "part",
    [b"\xff\xff\xff\xff", b"\3\0\0\0re", b"\3\0\0", b"\3\0\0\0red\3\0\0\0red",
     b"\1\0\0\0\xff", b""],
)  # fmt: skip
def test_strings_that_are_cut_are_refused(client, part):
    colour = {"name": "colour", "datatype": "BYTES", "shape": [1],
              "parameters": {"binary_data_size": len(part)}}  # fmt: skip
    head = {"inputs": [tensor([30.0], "age"), colour]}
    refused(binary(client, head, part, "/v2/models/mixed/infer"))


def test_numeric_model_may_be_asked_by_feature(client, model, rows):
    names = [feature.name for feature in model.manifest.input.features]
    columns = np.array(rows).T
    tensors = [tensor(c, n) for n, c in zip(names, columns, strict=True)]
    asked = client.post(INFER, json={"inputs": tensors[::-1]})
    assert asked.data == client.post(INFER, json=request_of(rows)).data


def test_missing_values_and_categories_go_where_the_model_takes_them(client):
    path = "/v2/models/mixed/infer"

    def ask(age, colour, **more):
        tensors = [tensor(age, "age"), tensor(colour, "colour", "BYTES", **more)]
        return client.post(path, data=json.dumps({"inputs": tensors}))

    assert ask([30.0, None], ["red", "blue"]).status_code == 200
    assert ask([[30.0]], [["red"]]).status_code == 200
    assert "must be [1] or [1, 1]" in refused(ask([30.0], ["red", "red"]))
    assert "missing: ['colour']" in refused(
        client.post(path, json={"inputs": [tensor([30.0], "age")]})
    )
    matrix = client.post(path, json={"inputs": [tensor([[30.0, 0.0]])]})
    assert "one tensor a feature" in refused(matrix)


def test_hidden_tree_stays_hidden(tmp_path, rows):
    write_cancer(tmp_path / "breast-cancer", expose="prediction")
    client = create_app(Settings(bundles=tmp_path)).test_client()
    assert list(outputs_of(client.post(INFER, json=request_of(rows)))) == [
        "label", "probabilities", "logits",
    ]  # fmt: skip
    metadata = client.get("/v2/models/breast-cancer").json
    assert metadata["explanations"] == []
    for hidden in ("leaf", "agrees", "tree_path", "gradient"):
        reply = client.post(INFER, json=request_of(rows, hidden))
        assert "exposes predictions only" in refused(reply, 403)
    refused(client.post(EXPLAIN, json=request_of(rows)), 403)


def test_index_lists_what_cannot_be_served_with_its_reason(bundles, tmp_path):
    shutil.copytree(bundles / "breast-cancer", tmp_path / "good")
    shutil.copytree(bundles / "mixed", tmp_path / "bad")
    (tmp_path / "bad" / "tree.json").write_text("{}")
    client = create_app(Settings(bundles=tmp_path)).test_client()
    index = client.post(INDEX).json
    validate(index, published.INDEX)
    good, bad = index
    assert (good["name"], good["state"]) == ("breast-cancer", "READY")
    assert (bad["name"], bad["state"]) == ("bad", "UNAVAILABLE")
    assert "tree.json" in bad["reason"]
    assert client.post(INDEX, json={"ready": True}).json == [good]
    assert client.post(INDEX, json={"ready": False}).json == index


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"ready": 1}'])
def test_index_that_is_not_asked_for_as_published_is_refused(client, body):
    refused(client.post(INDEX, data=body))


def test_statistics_count_rows_requests_and_failures(client, rows):
    for _ in range(3):
        client.post(INFER, json=request_of(rows))
    client.post(INFER, json={"inputs": []})
    reply = client.get("/v2/models/breast-cancer/stats").json
    validate(reply, published.STATISTICS)
    (stats,) = reply["model_stats"]
    assert stats["inference_count"] == 3 * len(rows)
    assert stats["execution_count"] == stats["inference_stats"]["success"]["count"] == 3
    assert stats["inference_stats"]["success"]["ns"] > 0
    assert stats["inference_stats"]["fail"]["count"] == 1
    assert stats["last_inference"] > 1.7e12


def test_statistics_cover_every_worker(start, rows):
    server = start()
    for _ in range(12):  # each on its own connection
        assert server.post(INFER, json=request_of(rows)).status_code == 200
    counts = {
        server.get("/v2/models/stats").json()["model_stats"][0]["inference_count"]
        for _ in range(4)
    }
    assert counts == {12 * len(rows)}


def test_names_are_those_that_the_key_opens(bundles, tmp_path, rows):

    keys = tmp_path / "keys"
    keys.write_text(f"a {hashlib.sha256(b'secret').hexdigest()} mixed\n")
    client = create_app(Settings(bundles=bundles, api_keys_file=keys)).test_client()
    with_key = {"Authorization": "Bearer secret"}
    assert "Bearer" in refused(client.post(INFER, json=request_of(rows)), 401)
    refused(client.post(INFER, json=request_of(rows), headers=with_key), 403)
    index = client.post("/v2/repository/index", headers=with_key).json
    assert [entry["name"] for entry in index] == ["mixed"]
    assert client.get("/v2/models", headers=with_key).json == {"models": ["mixed"]}
    stats = client.get("/v2/models/stats", headers=with_key).json["model_stats"]
    assert [entry["name"] for entry in stats] == ["mixed"]
