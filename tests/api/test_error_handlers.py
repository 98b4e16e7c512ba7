"""Every error is problem+json, says where, and tells no more than clients may know."""

import json

import pytest

from api.app import create_app
from api.problems import KINDS
from api.settings import Settings

PREDICT = "/v1/models/breast-cancer:predict"


def check(reply, status: int, slug: str | None = None) -> dict:
    """Check the form of a problem and return it."""
    assert reply.status_code == status
    assert reply.content_type == "application/problem+json"
    problem = reply.json
    assert problem["status"] == status
    assert problem["error"] == problem["detail"] != ""
    assert problem["request_id"] == reply.headers["X-Request-Id"]
    assert problem["instance"].startswith("/")
    assert problem["title"]
    assert slug is None or problem["type"] == f"/problems/{slug}"
    for fault in problem["errors"]:
        assert set(fault) == {"path", "problem", "allowed"}
    return problem


def post(client, body: bytes, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(PREDICT, data=body, headers=names)


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 400, "malformed-json"),
        (b"{", 400, "malformed-json"),
        (b'{"instances": [[NaN]]}', 400, "malformed-json"),
        (b'{"instances": [[Infinity]]}', 400, "malformed-json"),
        (b'{"instances": [["\xff"]]}', 400, "malformed-json"),
        (b'{"instances": [["\\ud800"]]}', 400, "malformed-json"),
        (b'\xef\xbb\xbf{"instances": [[1]]}', 400, "malformed-json"),
        (b'{"instances":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, None),
        (b'{"instances": [[1e999]]}', 422, "invalid-request"),
        (b'{"instances": [[1' + b"0" * 5000 + b"]]}", 422, "invalid-request"),
        (b'{"instances": [[1]]}', 422, "invalid-instance"),
        (b"[]", 422, "invalid-request"),
        (b"null", 422, "invalid-request"),
        (b"{}", 422, "invalid-request"),
        (b'{"instances": 3}', 422, "invalid-request"),
        (b'{"instances": [[1]], "x": 1}', 422, None),
    ],
)
def test_body_that_cannot_be_used(client, body, status, slug):
    check(post(client, body), status, slug)


def test_content_type_is_json_or_nothing(client, instances):
    body = json.dumps({"instances": instances[:1]}).encode()
    assert post(client, body).status_code == 200
    for good in ("application/json", "application/json; charset=UTF-8"):
        assert post(client, body, Content_Type=good).status_code == 200
    for bad in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "nonsense",
    ):
        check(post(client, body, Content_Type=bad), 415, "unsupported-media-type")


def test_compressed_body_is_refused(client):
    reply = post(client, b"x", Content_Encoding="gzip")
    check(reply, 415, "unsupported-media-type")
    assert reply.headers["Accept-Encoding"] == "identity"


def test_body_over_the_limit_is_refused_and_one_at_the_limit_is_read(bundles):
    app = create_app(Settings(bundles=bundles, max_body_bytes=100))
    check(post(app.test_client(), b" " * 101), 413, "too-large")
    check(post(app.test_client(), b" " * 100), 400, "malformed-json")


def test_unknown_things_are_not_found(client):
    check(client.get("/nope"), 404, "unknown-path")
    problem = check(client.get("/v1/models/nope"), 404, "unknown-model")
    assert "served: breast-cancer, mixed" in problem["detail"]
    check(client.post("/v1/models/nope:predict", data=b"{}"), 404, "unknown-model")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PREDICT, "POST"),
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/breast-cancer", "GET"),
        ("PUT", "/v2/health/live", "GET"),
    ],
)
def test_wrong_method_names_the_right_one(client, method, path, allowed):
    reply = client.open(path, method=method)
    check(reply, 405, "method-not-allowed")
    assert allowed in reply.headers["Allow"]


@pytest.mark.parametrize(
    ("body", "path", "name"),
    [
        ('{"instances": [{"age": 30, "colour": "red", "age": 50}]}',
         "$.instances[0]", "age"),
        ('{"instances": [[30, "red"], {"age": 3, "colour": "red", "colour": "blue"}]}',
         "$.instances[1]", "colour"),
        ('{"instances": [[30, "red"]], "instances": [[50, "red"]]}', "$", "instances"),
        ('{"instances": [[30, "red"]], "explanations": '
         '["tree_path", {"method": "lime", "samples": 99, "samples": 100}]}',
         "$.explanations[1]", "samples"),
    ],
)  # fmt: skip
def test_an_object_that_names_something_twice_is_refused(client, body, path, name):
    """Whoever wrote it meant two things, and one of them would be dropped unsaid."""
    reply = client.post("/v1/models/mixed:explain", data=body)
    problem = check(reply, 422, "invalid-request")
    assert problem["errors"][0]["path"] == path
    assert f"names {name!r} twice" in problem["detail"]


def test_names_that_only_look_alike_are_no_duplicates(client):
    body = '{"instances": [{"age": 30, "colour": "age"}, {"age": 9, "colour": "red"}]}'
    assert client.post("/v1/models/mixed:explain", data=body).status_code == 200


def test_instance_is_a_uri_reference(client):
    problem = check(client.get("/a b/\u00e9?q=1"), 404, "unknown-path")
    assert problem["instance"] == "/a%20b/%C3%A9"


def test_unexpected_error_is_not_told(app):
    def broken():
        raise RuntimeError("the secret is 42")

    app.add_url_rule("/broken", view_func=broken)
    reply = app.test_client().get("/broken", headers={"X-Request-Id": "find-me"})
    problem = check(reply, 500, "internal")
    assert "42" not in reply.text
    assert problem["request_id"] == "find-me"


def test_long_values_are_not_sent_back(client):
    name = "x" * 1_000_000
    reply = post(client, json.dumps({"instances": [{name: 1}]}).encode())
    check(reply, 422, "invalid-instance")
    assert len(reply.data) < 10_000


def test_every_kind_of_problem_has_its_place_in_the_documentation(client):
    page = client.get("/docs").text
    for kind in KINDS:
        reply = client.get(kind.uri)
        assert reply.status_code == 302
        _, _, anchor = reply.headers["Location"].partition("#")
        assert f'id="{anchor}"' in page
    check(client.get("/problems/nope"), 404, "unknown-path")
