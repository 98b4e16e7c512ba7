"""The rights in deploy/redis/users.acl suffice for cache and jobs, and for no more."""

import hashlib
import subprocess
import time

import pytest
import redis

from api.app import create_app
from api.cache.redis import PREFIX
from api.service import EXTENSION
from api.settings import Settings
from tests.api.processes import start_redis
from tests.api.small_bundles import write_cancer
from tests.api.test_access import bearer, line
from tests.deploy.deployed import DEPLOY, SERVICES

EXPLAIN = "/v1/models/breast-cancer:explain"
PASSWORDS = {"CACHE": "of-the-cache", "JOBS": "of-the-jobs"}


@pytest.fixture
def guarded(tmp_path):
    """A Redis with the users of the file, their passwords filled in."""
    text = (DEPLOY / "redis" / "users.acl").read_text()
    for name, password in PASSWORDS.items():
        digest = hashlib.sha256(password.encode()).hexdigest()
        text = text.replace(f"{name}_PASSWORD_SHA256", digest)
    (tmp_path / "users.acl").write_text(text)
    server = start_redis(tmp_path, "--aclfile", str(tmp_path / "users.acl"))
    yield server
    server.stop()


def url_of(server, name):
    user = f"leafpath-{name.lower()}:{PASSWORDS[name]}@"
    return server.url.replace("redis://", f"redis://{user}")


def test_cache_and_jobs_work_with_these_rights(guarded, tmp_path):
    (tmp_path / "bundles").mkdir()
    write_cancer(tmp_path / "bundles" / "b")
    (tmp_path / "keys").write_text(line("lab", "secret", "* 99999/min"))
    settings = Settings(
        bundles=tmp_path / "bundles",
        api_keys_file=tmp_path / "keys",
        cache_url=url_of(guarded, "CACHE"),
        cache_bytes=0,
        jobs_url=url_of(guarded, "JOBS"),
        jobs_kept_s=1,
    )
    app = create_app(settings)
    client, jobs = app.test_client(), app.extensions[EXTENSION].jobs
    instance = [1.0] * 30
    body = {"instances": [instance], "explanations": ["lime"]}
    key = bearer("secret")
    begun = int(time.time()) // 60
    for outcome in ("miss", "hit"):
        reply = client.post(EXPLAIN, json=body, headers=key)
        assert reply.headers["X-Cache"] == outcome
    assert 'event="error"' not in client.get("/metrics", headers=key).text
    with redis.Redis.from_url(url_of(guarded, "CACHE"), protocol=2) as of_the_cache:
        # The minute may have turned since the first request.
        minutes = range(begun, int(time.time()) // 60 + 1)
        spent = [of_the_cache.get(PREFIX + b"quota:lab:%d" % m) for m in minutes]
        assert sum(int(rows or 0) for rows in spent) > 0
    reply = client.post(EXPLAIN, json=body, headers=key | {"Prefer": "respond-async"})
    job = reply.headers["Location"]
    jobs.huey.execute(jobs.huey.dequeue())
    assert client.get(job, headers=key).json["state"] == "done"
    assert client.delete(job, headers=key).status_code == 204
    assert jobs.huey.read_schedule() == []


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("CACHE", ["FLUSHALL"]),
        ("CACHE", ["KEYS", "*"]),
        ("CACHE", ["CONFIG", "GET", "*"]),
        ("CACHE", ["GET", "huey.results.leafpath"]),
        ("CACHE", ["EVAL", "return 1", "0"]),
        ("JOBS", ["FLUSHALL"]),
        ("JOBS", ["HGET", "huey.results.other", "x"]),
        ("JOBS", ["GET", "leafpath:1:x"]),
        ("JOBS", ["CONFIG", "GET", "*"]),
    ],
)
def test_anything_else_is_refused(guarded, name, command):
    with (
        redis.Redis.from_url(url_of(guarded, name), protocol=2) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command)


def test_nobody_comes_in_without_a_password(guarded):
    with (
        redis.Redis.from_url(guarded.url, protocol=2) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()


def test_health_check_sees_life_without_a_password(guarded):
    kind, command = SERVICES["redis-jobs"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    here = command.replace("redis-cli", f"redis-cli -p {guarded.port}")
    assert subprocess.run(["sh", "-c", here]).returncode == 0
    guarded.stop()
    gone = subprocess.run(["sh", "-c", here], stderr=subprocess.DEVNULL)
    assert gone.returncode != 0
