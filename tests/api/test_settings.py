"""Settings: read once, and refused when they are not what they seem."""

from dataclasses import fields
from pathlib import Path

import pytest

from api.errors import SettingsError
from api.settings import Cap, Settings, from_environment


def read(**values) -> Settings:
    return from_environment({f"LEAFPATH_{name}": text for name, text in values.items()})


def test_defaults_serve_this_machine_from_the_repositorys_bundles():
    settings = from_environment({"PATH": "/bin"})
    assert settings.bind == "127.0.0.1:8000"
    assert settings.bundles == Path(__file__).parents[2] / "bundles"
    assert settings.cache_url == "memory://"
    assert settings.workers >= 1


def test_every_setting_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x" * 32)
    settings = read(
        BUNDLES=str(tmp_path),
        BIND="[::1]:9000",
        WORKERS="3",
        THREADS="2",
        CACHE_URL="redis://:pass@cache:6379/1",
        CACHE_BYTES="0",
        CACHE_KEY_FILE=str(secret),
        API_KEYS_FILE=str(secret),
        TRUSTED_KEYS=str(secret),
        ALLOW_ANONYMOUS="0",
        MAX_BODY_BYTES="1000",
        MAX_TIMEOUT_S="2.5",
        JOBS_URL="sqlite:////var/jobs.db",
        JOBS_KEPT_S="60",
        JOBS_PER_KEY="7",
        CAPS=" lime.samples=2000,my-model.v2:lime.samples=500,",
    )
    expected = {
        "bundles": tmp_path, "bind": "[::1]:9000", "workers": 3, "threads": 2,
        "cache_url": "redis://:pass@cache:6379/1", "cache_bytes": 0,
        "cache_key_file": secret, "api_keys_file": secret, "trusted_keys": secret,
        "jobs_url": "sqlite:////var/jobs.db", "jobs_kept_s": 60.0,
        "jobs_per_key": 7,
        "caps": (
            Cap(None, "lime", "samples", 2000),
            Cap("my-model.v2", "lime", "samples", 500),
        ),
        "allow_anonymous": False, "max_body_bytes": 1000, "max_timeout_s": 2.5,
    }  # fmt: skip
    assert settings == Settings(**expected)
    assert set(expected) == {field.name for field in fields(Settings)}
    assert (settings.host, settings.port) == ("::1", 9000)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WORKER", "did you mean LEAFPATH_WORKERS?"),
        ("CACHE_URI", "did you mean LEAFPATH_CACHE_URL?"),
        ("QQQQ", "the settings are LEAFPATH_BUNDLES"),
        ("workers", "unknown setting LEAFPATH_workers"),
        ("TRUSTED_KEY", "did you mean LEAFPATH_TRUSTED_KEYS?"),
    ],
)
def test_unknown_setting_is_refused_with_the_nearest_one(name, hint):
    with pytest.raises(SettingsError, match=hint.replace("?", "\\?")):
        read(**{name: "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIND", "8000"),
        ("BIND", "127.0.0.1"),
        ("BIND", "127.0.0.1:x"),
        ("BIND", "127.0.0.1:99999"),
        ("BIND", "http://127.0.0.1:8000"),
        ("BIND", "user@127.0.0.1:8000"),
        ("WORKERS", "0"),
        ("WORKERS", "-1"),
        ("WORKERS", "2.5"),
        ("WORKERS", "٣"),
        ("THREADS", ""),
        ("CACHE_URL", "memcached://x"),
        ("CACHE_URL", "redis"),
        ("CACHE_URL", "redis://cache:port"),
        ("CACHE_BYTES", "1e6"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_TIMEOUT_S", "0"),
        ("MAX_TIMEOUT_S", "inf"),
        ("JOBS_URL", "sqlite://jobs.db"),
        ("JOBS_URL", "sqlite:jobs.db"),
        ("JOBS_URL", "amqp://x"),
        ("CAPS", "lime=5"),
        ("CAPS", "lime.samples=-5"),
        ("CAPS", "lime.samples=5; lime.repeats=2"),
        ("CAPS", "lime.samples=100, lime.samples=200"),
        ("CAPS", "My model:lime.samples=100"),
        ("ALLOW_ANONYMOUS", "yes"),
        ("API_KEYS_FILE", "/nowhere/keys"),
        ("CACHE_KEY_FILE", "/nowhere/key"),
        ("BUNDLES", ""),
    ],
)
def test_malformed_value_is_refused_with_its_name(name, value):
    with pytest.raises(SettingsError, match=f"LEAFPATH_{name}"):
        read(**{name: value})


def test_message_does_not_repeat_a_password():
    with pytest.raises(SettingsError) as refused:
        read(CACHE_URL="rediss//:hunter2@cache")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "host:80"])
def test_open_door_without_keys_needs_a_word_of_consent(bind, tmp_path):
    with pytest.raises(SettingsError, match="LEAFPATH_ALLOW_ANONYMOUS=1"):
        read(BIND=bind)
    assert read(BIND=bind, ALLOW_ANONYMOUS="1").bind == bind
    keys = tmp_path / "keys"
    keys.touch()
    assert read(BIND=bind, API_KEYS_FILE=str(keys)).bind == bind


@pytest.mark.parametrize("bind", ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80"])
def test_this_machine_alone_needs_no_keys(bind):
    assert read(BIND=bind).bind == bind
