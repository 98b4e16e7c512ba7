"""The container contract of SageMaker."""

import gzip
import shutil

import pytest

from api.app import create_app
from api.settings import Settings


@pytest.fixture
def alone(bundles, tmp_path):
    """A client of a server with one model."""
    shutil.copytree(bundles / "breast-cancer", tmp_path / "breast-cancer")
    return create_app(Settings(bundles=tmp_path)).test_client()


def test_ping_says_whether_a_model_is_served(alone, tmp_path):
    assert alone.get("/ping").status_code == 200
    empty = create_app(Settings(bundles=tmp_path / "nothing")).test_client()
    assert empty.get("/ping").status_code == 503


def test_invocation_predicts_and_explains_as_the_native_paths(alone, rows):
    native = "/v1/models/breast-cancer"
    body = {"instances": rows}
    predicted = alone.post("/invocations", json=body)
    assert predicted.status_code == 200
    assert predicted.data == alone.post(f"{native}:predict", json=body).data
    body["explanations"] = ["tree_path", "integrated_gradients"]
    explained = alone.post("/invocations", json=body)
    assert explained.data == alone.post(f"{native}:explain", json=body).data
    assert explained.headers["X-Cache"] == "miss"


def test_csv_answers_as_json_does(alone, rows):
    text = "\n".join(",".join(map(str, row)) for row in rows)
    by_json = alone.post("/invocations", json={"instances": rows})
    for kind in ("text/csv", "text/csv; charset=utf-8"):
        reply = alone.post("/invocations", data=text, content_type=kind)
        assert reply.data == by_json.data


def test_csv_that_excel_saves_begins_with_a_mark_that_is_no_value(alone, rows):
    text = ",".join(map(str, rows[0])).encode("utf-8-sig")
    reply = alone.post("/invocations", data=text, content_type="text/csv")
    assert reply.data == alone.post("/invocations", json={"instances": rows[:1]}).data


@pytest.mark.parametrize("kind", ["text/csv", "application/json"])
def test_compressed_body_is_refused_whatever_it_holds(alone, kind):
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(b"1,2")
    reply = alone.post("/invocations", data=body, content_type=kind, headers=headers)
    assert reply.status_code == 415
    assert "send it plain" in reply.json["error"]
    assert reply.headers["Accept-Encoding"] == "identity"


def test_csv_carries_categories_and_missing_values(client):
    reply = client.post(
        "/models/mixed/invoke", data='30,red\n,"blue"\n', content_type="text/csv"
    )
    assert len(reply.json["predictions"]) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "0 rows"), (b"\n\n", "0 rows"), (b"x,red", "number"),
        (b"30", "expects 2"), (b"nan,red", "finite"), (b"1_0,red", "number"),
        (b"inf,red", "finite"), (b"\xff,red", "Latin-1"), (b'"30,red', "not CSV"),
        (b"30;red", "by ';'"),
        (b"30,red\n" * 1025, "1025 rows"), (b"30,red,1", "has 3 values"),
        (b"30,", "is null"), (b"\0,red", "number"),
    ],
)  # fmt: skip
def test_csv_that_does_not_fit_is_named(client, text, words):
    reply = client.post("/models/mixed/invoke", data=text, content_type="text/csv")
    assert reply.status_code == 422
    assert words in reply.json["error"]


def test_several_models_need_a_name(client, rows):
    reply = client.post("/invocations", json={"instances": rows})
    assert reply.status_code == 422
    assert "/models/{model}/invoke" in reply.json["error"]
    named = client.post("/models/breast-cancer/invoke", json={"instances": rows})
    assert named.status_code == 200
