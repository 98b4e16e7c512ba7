"""Good bundles are served whatever lies beside them."""

import dataclasses
import resource
import shutil

import pytest

from api.app import create_app
from api.errors import SettingsError
from api.generations import GENERATION
from api.model_store import load_models, open_store
from api.settings import Settings
from explainers.bundle import MANIFEST
from explainers.signatures import generate_key, sign_bundle
from tests.api.small_bundles import write_cancer, write_mixed


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


@pytest.fixture
def generation(tmp_path, monkeypatch):
    """Act as a worker of generation n, as gunicorn's master would name it."""
    (tmp_path / "shared").mkdir()

    def enter(number):
        monkeypatch.setenv(GENERATION, str(tmp_path / "shared" / f"{number}.json"))

    return enter


@pytest.fixture
def served_settings(tmp_path):
    (tmp_path / "bundles").mkdir()
    write_cancer(tmp_path / "bundles" / "b", version="1")
    return Settings(bundles=tmp_path / "bundles")


def _served(settings) -> dict[str, str]:
    store = open_store(settings)
    return {name: model.reference.version for name, model in store.models.items()}


def test_workers_of_one_generation_serve_what_its_first_one_found(
    generation, served_settings
):
    bundle = served_settings.bundles / "b"
    generation(1)
    assert _served(served_settings) == {"breast-cancer": "1"}
    write_cancer(bundle, version="2")
    assert _served(served_settings) == {"breast-cancer": "1"}  # no HUP yet
    generation(2)
    assert _served(served_settings) == {"breast-cancer": "2"}


DAMAGE = {
    "file": (lambda b: (b / "tree.json").write_bytes(b"{}"), "tree.json"),
    "manifest": (lambda b: (b / MANIFEST).write_bytes(b"{"), "manifest.json"),
    "no manifest": (lambda b: (b / MANIFEST).unlink(), "manifest.json: missing"),
    "extra file": (lambda b: (b / "x").write_bytes(b""), "x: present but not listed"),
    "no directories at all": (
        lambda b: b.parent.rename(b.parent.parent / "away"), "no such directory"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_was_served_goes_on_where_the_new_bundle_is_bad(
    generation, served_settings, kind
):
    bundle = served_settings.bundles / "b"
    generation(1)
    old = open_store(served_settings).models["breast-cancer"].reference
    damage, named = DAMAGE[kind]
    damage(bundle)
    for number in (2, 2, 3, 3):  # a second worker, and another HUP
        generation(number)
        store = open_store(served_settings)
        assert store.models["breast-cancer"].reference == old
        assert named in store.refused["b"]
        assert f"{old.digest} is served as before" in store.refused["b"]
        assert store.outdated == {"breast-cancer"}


def test_withdrawn_bundle_is_no_longer_served_and_its_copy_is_removed(
    generation, served_settings, tmp_path
):
    generation(1)
    assert _served(served_settings)
    shutil.rmtree(served_settings.bundles / "b")
    generation(2)
    assert _served(served_settings) == {}
    kept = [entry.name for entry in (tmp_path / "shared").iterdir()]
    assert sorted(kept) == ["2.json", "lock"]


def test_a_late_worker_of_the_last_generation_takes_nothing_away(
    generation, served_settings, tmp_path
):
    generation(1)
    open_store(served_settings)
    write_cancer(served_settings.bundles / "b", version="2")
    generation(3)
    open_store(served_settings)
    generation(2)  # its HUP was followed by another before its workers were ready
    open_store(served_settings)
    (served_settings.bundles / "b" / "tree.json").write_bytes(b"")
    generation(3)
    assert _served(served_settings) == {"breast-cancer": "2"}
    generation(4)
    assert _served(served_settings) == {"breast-cancer": "2"}


def test_copies_are_verified_too(generation, served_settings, tmp_path):
    generation(1)
    digest = open_store(served_settings).models["breast-cancer"].reference.digest
    copy = tmp_path / "shared" / digest.removeprefix("sha256:")
    (copy / "tree.json").write_bytes(b"{}")
    assert _served(served_settings) == {"breast-cancer": "1"}  # the bundle itself
    write_cancer(served_settings.bundles / "b", version="2")
    store = open_store(served_settings)
    assert store.models == {}
    assert "b" in store.refused


def test_without_room_for_copies_bundles_are_served_all_the_same(
    generation, served_settings, tmp_path
):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    generation(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    try:
        found = [_served(served_settings) for _ in range(2)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found == [{"breast-cancer": "1"}] * 2
    assert [entry.name for entry in (tmp_path / "shared").glob("*[!w]")] == ["lock"]
    assert _served(served_settings) == {"breast-cancer": "1"}


def test_unsigned_and_wrongly_signed_bundles_are_refused(served_settings, tmp_path):
    write_mixed(tmp_path / "bundles" / "mixed")
    for name in ("right", "wrong"):
        generate_key(tmp_path / name)
    keys = tmp_path / "right.pub"
    settings = dataclasses.replace(served_settings, trusted_keys=keys)
    sign_bundle(settings.bundles / "b", tmp_path / "right")
    store = open_store(settings)
    assert set(store.models) == {"breast-cancer"}
    assert "manifest.sig: missing" in store.refused["mixed"]
    sign_bundle(settings.bundles / "mixed", tmp_path / "wrong")
    assert "none of the 1 trusted" in open_store(settings).refused["mixed"]
    sign_bundle(settings.bundles / "mixed", tmp_path / "right")
    assert open_store(settings).refused == {}


def test_a_key_that_is_trusted_no_longer_ends_what_it_signed(
    generation, served_settings, tmp_path
):
    keys = tmp_path / "keys"
    for name in ("old", "new"):
        generate_key(tmp_path / name)
    keys.write_bytes((tmp_path / "old.pub").read_bytes())
    settings = dataclasses.replace(served_settings, trusted_keys=keys)
    sign_bundle(settings.bundles / "b", tmp_path / "old")
    generation(1)
    assert _served(settings) == {"breast-cancer": "1"}
    keys.write_bytes((tmp_path / "new.pub").read_bytes())
    generation(2)
    assert _served(settings) == {}


def test_keys_that_cannot_be_read_stop_the_start(served_settings, tmp_path):
    (tmp_path / "keys").write_text("none")
    settings = dataclasses.replace(served_settings, trusted_keys=tmp_path / "keys")
    with pytest.raises(SettingsError, match="LEAFPATH_TRUSTED_KEYS: .* holds no"):
        open_store(settings)
