"""API keys: every operation needs one, and each opens its own models."""

import hashlib
import shutil

import pytest

from api.app import create_app
from api.errors import SettingsError
from api.keys import read_keys
from api.settings import Settings
from tests.api.test_error_handlers import check


def line(name, text, models):
    return f"{name} {hashlib.sha256(text.encode()).hexdigest()} {models}\n"


@pytest.fixture
def keyed(bundles, tmp_path):
    """An application with a key for every model, and one for the mixed one."""
    path = tmp_path / "keys"
    path.write_text(
        "# who may ask\n" + line("admin", "open-all", "*") + line("lab", "few", "mixed")
    )
    return create_app(Settings(bundles=bundles, api_keys_file=path))


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


BAD_CREDENTIALS = [
    {},
    bearer("wrong"),
    bearer(""),
    {"Authorization": "open-all"},
    {"Authorization": "Basic b3Blbi1hbGw6"},
    bearer("open-all\u00e9"),
    bearer(hashlib.sha256(b"open-all").hexdigest()),
]


@pytest.mark.parametrize("credentials", BAD_CREDENTIALS)
def test_every_operation_needs_a_key(keyed, credentials):
    client = keyed.test_client()
    for rule in keyed.url_map.iter_rules():
        path = rule.rule.replace("<model:model>", "mixed").replace("<int:node>", "0")
        path = path.replace("<path:file>", "x").replace("<slug>", "internal")
        path = path.replace("<int:row>", "0")
        for method in rule.methods:
            reply = client.open(path, method=method, headers=credentials)
            if rule.rule == "/" or rule.rule.startswith("/inspector/"):
                assert reply.status_code in (200, 404), (method, path)
                continue
            if rule.rule.startswith("/v2/health/"):
                assert reply.status_code == 200, (method, path)
                continue
            assert reply.status_code == 401, (method, path)
            assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    check(client.get("/nope", headers=credentials), 401, "unauthenticated")


def test_key_opens_its_models_and_no_others(keyed):
    client = keyed.test_client()
    body = {"instances": [[30, "red"]]}
    for key in ("open-all", "few"):
        reply = client.post("/v1/models/mixed:predict", json=body, headers=bearer(key))
        assert reply.status_code == 200
    for path in ("/v1/models/breast-cancer", "/v1/models/breast-cancer/tree"):
        check(client.get(path, headers=bearer("few")), 403, "forbidden")
        assert client.get(path, headers=bearer("open-all")).status_code == 200


def test_other_models_are_not_told(keyed):
    client = keyed.test_client()
    few = bearer("few")
    assert client.get("/v1/models", headers=few).json["models"] == ["mixed"]
    ready = client.get("/v2/health/ready", headers=few).json
    assert [bundle["name"] for bundle in ready["models"]] == ["mixed"]
    assert "breast" not in client.get("/openapi.json", headers=few).text
    assert "breast" not in client.get("/docs", headers=few).text
    index = client.post("/v2/repository/index", headers=few)
    assert "breast" not in index.text
    check(client.get("/metrics", headers=few), 403, "forbidden")


def test_only_operators_are_told_of_bundles_that_are_refused(bundles, tmp_path):
    mine = tmp_path / "bundles"
    shutil.copytree(bundles, mine)
    (mine / "secret-project").mkdir()
    (mine / "secret-project" / "manifest.json").write_text("{}")
    path = tmp_path / "keys"
    keys = line("admin", "all", "*") + line("scraper", "none", "-")
    path.write_text(keys + line("lab", "few", "mixed"))
    client = create_app(Settings(bundles=mine, api_keys_file=path)).test_client()
    for key, is_told in (("all", True), ("none", True), ("few", False)):
        ready = client.get("/v2/health/ready", headers=bearer(key))
        index = client.post("/v2/repository/index", headers=bearer(key))
        for reply in (ready, index):
            assert ("secret-project" in reply.text) is is_told, (key, reply.text)
    metrics = client.get("/metrics", headers=bearer("none"))
    assert metrics.status_code == 200
    explain = client.post("/v1/models/mixed:predict", json={}, headers=bearer("none"))
    check(explain, 403, "forbidden")


def test_probe_without_a_key_learns_yes_or_no(keyed):
    assert keyed.test_client().get("/v2/health/ready").json == {"ready": True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        ("admin secret *\n", "line 1: expected 'name sha256 models \\[quota\\]'"),
        (line("a", "x", "*") + "b\n", "line 2"),
        (line("a", "x", "*") + line("a", "y", "*"), "stands twice"),
        (line("a", "x", "* 100"), "line 1: the fourth word is no quota"),
        (line("a\x00", "x", "*"), "line 1"),
    ],
)
def test_key_file_that_cannot_be_meant_is_refused(tmp_path, text, message):
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_keys(path)
