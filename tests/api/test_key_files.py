"""Files of keys: where one is bad at HUP, the one before goes on, and that is said."""

import contextlib
import os
import resource
import signal

import pytest

from api.app import create_app
from api.errors import SettingsError
from api.generations import GENERATION
from api.key_files import good_files
from api.settings import Settings
from explainers.signatures import generate_key
from tests.api.processes import wait_until
from tests.api.test_access import bearer, line
from tests.api.test_metrics import samples
from tests.api.test_server import reload

MODELS = "/v1/models"
GONE = object()
BAD = {
    "half a line": b"lab 9f86d081884c7d65",
    "empty": b"",
    "comments": b"# nobody\n",
    "twice": (line("a", "x", "*") * 2).encode(),
    "no text": b"\xff\xfe\x00",
    "gone": GONE,
}


def put(path, content):
    path.unlink(missing_ok=True)
    if content is not GONE:
        path.write_bytes(content)


@pytest.fixture
def enter(tmp_path, monkeypatch):
    """Act as a worker of generation n, as gunicorn's master would name it."""
    (tmp_path / "shared").mkdir()

    def enter_generation(number):
        monkeypatch.setenv(GENERATION, str(tmp_path / "shared" / f"{number}.json"))

    return enter_generation


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(line("lab", "old", "*"))
    return path


def statuses(client):
    return [
        client.get(MODELS, headers=bearer(text)).status_code for text in ("old", "new")
    ]


@pytest.mark.parametrize("kind", BAD)
def test_bad_keys_leave_the_old_ones(bundles, keys, enter, kind):
    settings = Settings(bundles=bundles, api_keys_file=keys)
    enter(1)
    create_app(settings)
    put(keys, BAD[kind])
    for number in (2, 2, 3):  # a second worker, and another HUP
        enter(number)
        client = create_app(settings).test_client()
        assert statuses(client) == [200, 401]
        text = client.get("/metrics", headers=bearer("old")).text
        assert "leafpath_key_files_refused 1.0" in text
        ready = client.get("/v2/health/ready", headers=bearer("old"))
        (told,) = ready.json["key_files"]
        assert told["setting"] == "LEAFPATH_API_KEYS_FILE"
        assert told["reason"].endswith("used as it was before")
        assert client.get("/v2/health/ready").json == {"ready": True}
    keys.write_text(line("lab", "new", "*"))
    enter(4)
    client = create_app(settings).test_client()
    assert statuses(client) == [401, 200]
    ready = client.get("/v2/health/ready", headers=bearer("new")).json
    assert ready["key_files"] == []


def test_workers_of_one_generation_have_the_same_keys(bundles, keys, enter):
    settings = Settings(bundles=bundles, api_keys_file=keys)
    enter(1)
    assert statuses(create_app(settings).test_client()) == [200, 401]
    keys.write_text(line("lab", "new", "*"))  # no HUP yet
    assert statuses(create_app(settings).test_client()) == [200, 401]
    enter(2)
    assert statuses(create_app(settings).test_client()) == [401, 200]


@pytest.mark.parametrize("kind", BAD)
def test_bad_keys_at_the_start_are_no_server(bundles, keys, enter, kind):
    put(keys, BAD[kind])
    enter(1)
    with pytest.raises(SettingsError, match="LEAFPATH_API_KEYS_FILE"):
        create_app(Settings(bundles=bundles, api_keys_file=keys))


def test_secrets_and_trusted_keys_are_kept_in_the_same_way(tmp_path, enter):
    secret, signer = tmp_path / "secret", tmp_path / "release.pem"
    secret.write_text("s" * 32)
    trusted = generate_key(signer)
    settings = Settings(cache_key_file=secret, trusted_keys=trusted)
    good = {path: path.read_bytes() for path in (secret, trusted)}
    enter(1)
    good_files(settings)
    secret.write_text("short")
    trusted.write_text("no key")
    enter(2)
    used, refused = good_files(settings)
    assert used.cache_key_file.read_bytes() == good[secret]
    assert used.trusted_keys.read_bytes() == good[trusted]
    assert set(refused) == {"LEAFPATH_CACHE_KEY_FILE", "LEAFPATH_TRUSTED_KEYS"}
    assert "at least 16" in refused["LEAFPATH_CACHE_KEY_FILE"]
    for copy in (used.cache_key_file, used.trusted_keys):
        assert copy.stat().st_mode & 0o077 == 0
    left = {path.name for path in (tmp_path / "shared").iterdir()} - {"lock"}
    assert {name.partition(".")[0] for name in left} == {"2"}


@pytest.fixture
def no_room():
    """Lets nothing be written, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return full


def test_without_room_for_copies_keys_are_read_all_the_same(
    bundles, keys, enter, no_room
):
    settings = Settings(bundles=bundles, api_keys_file=keys)
    enter(1)
    create_app(settings)
    keys.write_text(line("lab", "new", "*"))
    enter(2)
    with no_room():
        assert statuses(create_app(settings).test_client()) == [401, 200]
    assert statuses(create_app(settings).test_client()) == [401, 200]


def test_without_room_bad_keys_leave_the_old_ones_too(bundles, keys, enter, no_room):
    settings = Settings(bundles=bundles, api_keys_file=keys)
    enter(1)
    create_app(settings)
    keys.write_text("what is this")
    enter(2)
    with no_room():
        clients = [create_app(settings).test_client() for _ in range(2)]
    assert [statuses(client) for client in clients] == [[200, 401]] * 2


def test_a_running_server_outlives_bad_keys_and_dead_workers(start, keys):
    server = start(api_keys_file=keys)

    def get(text, path=MODELS):
        return server.get(path, headers=bearer(text))

    keys.write_text("what is this\n")
    reload(server)
    for victim in server.workers():
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda v=victim: len(set(server.workers()) - {v}) == 2)
    wait_until(server.all_workers_serve)
    assert {get("old").status_code for _ in range(10)} == {200}
    assert get("new").status_code == 401
    (told,) = [x for x in server.log_lines() if x["event"] == "keys refused"]
    assert "line 1" in told["reason"]

    class Client:
        def get(self, path):
            return get("old", path)

    assert samples(Client())[("leafpath_key_files_refused", ())] == 1
    keys.write_text(line("lab", "new", "*"))
    reload(server)
    assert {get("new").status_code for _ in range(10)} == {200}
    assert get("old").status_code == 401
