"""Good bundles are served whatever lies beside them."""

import shutil

from api.app import create_app
from api.model_store import load_models
from api.settings import Settings
from tests.api.small_bundles import write_cancer


def test_bad_bundle_is_refused_with_its_reason_and_the_others_are_served(
    bundles, tmp_path
):
    shutil.copytree(bundles, tmp_path, dirs_exist_ok=True)
    tree = tmp_path / "mixed" / "tree.json"
    tree.write_bytes(tree.read_bytes().replace(b"0", b"1", 1))
    client = create_app(Settings(bundles=tmp_path)).test_client()
    assert client.get("/v1/models").json["models"] == ["breast-cancer"]
    assert client.get("/v1/models/mixed").status_code == 404
    ready = client.get("/v2/health/ready")
    assert ready.status_code == 200
    refused = next(b for b in ready.json["models"] if not b["ready"])
    assert refused["name"] == "mixed"
    assert "tree.json: SHA-256" in refused["reason"]
    assert "leafpath_bundles_refused 1.0" in client.get("/metrics").text


def test_of_two_bundles_with_one_name_the_first_is_served(bundles, tmp_path):
    write_cancer(tmp_path / "a", version="1")
    write_cancer(tmp_path / "b", version="2")
    store = load_models(tmp_path)
    assert store.models["breast-cancer"].reference.version == "1"
    assert "already holds a model named 'breast-cancer'" in store.refused["b"]


def test_what_is_no_bundle_is_passed_over(bundles, tmp_path):
    shutil.copytree(bundles / "mixed", tmp_path / ".mixed.half-written")
    (tmp_path / "notes").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    store = load_models(tmp_path)
    assert (store.models, store.refused) == ({}, {})


def test_server_without_models_lives_but_is_not_ready(tmp_path):
    client = create_app(Settings(bundles=tmp_path / "nowhere")).test_client()
    assert client.get("/v2/health/live").json == {"live": True}
    ready = client.get("/v2/health/ready")
    assert ready.status_code == 503
    assert ready.json["ready"] is False
    assert ready.json["type"] == "/problems/not-ready"
    assert client.get("/docs").status_code == 200
    assert client.get("/openapi.json").status_code == 200
