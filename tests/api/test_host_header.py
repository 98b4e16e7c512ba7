"""Whose requests a server on loopback answers, and when it insists on a name."""

import dataclasses

import pytest

from api.app import create_app


def ask(settings, host):
    client = create_app(settings).test_client()
    return client.get("/v2/health/live", headers={"Host": host})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "127.0.0.1:8000",
        "127.0.0.2",
        "[::1]:9",
        "LOCALHOST",
    ],
)
def test_this_machine_by_any_of_its_names_is_answered(settings, host):
    assert ask(settings, host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil",
     "10.0.0.1", "0.0.0.0", "[::2]", "[::1", "localhost:8000@evil.example", ""],
)  # fmt: skip
def test_a_name_that_was_pointed_here_is_refused(settings, host):
    reply = ask(settings, host)
    assert reply.status_code in (400, 421)
    if reply.status_code == 421:
        assert reply.json["type"] == "/problems/misdirected"
        assert "LEAFPATH_ALLOW_ANONYMOUS" in reply.json["detail"]


def test_who_serves_others_answers_to_any_name(settings, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"someone {'0' * 64} *\n")
    for changes in (
        {"allow_anonymous": True},
        {"api_keys_file": keys},
        {"bind": "0.0.0.0:8000", "allow_anonymous": True},
    ):
        served = dataclasses.replace(settings, **changes)
        assert ask(served, "models.example").status_code == 200
