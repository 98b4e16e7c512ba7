"""Headers that every answer carries, pages and problems included."""

import base64
import hashlib
import re

import pytest

PATHS = ["/", "/v1/models", "/docs", "/openapi.json", "/metrics", "/nope",
         "/v1/models/breast-cancer/tree", "/v2/health/live"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_browsers_are_told_to_trust_nothing(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers.getlist("Cache-Control")
    assert len(headers.getlist("Content-Security-Policy")) == 1
    assert "27." not in headers.get("Server", "")


def test_answers_are_not_kept_by_anyone_on_the_way(client, instances):
    reply = client.post(
        "/v1/models/breast-cancer:predict", json={"instances": instances[:1]}
    )
    assert reply.headers["Cache-Control"] == "no-store"


def test_pages_policy_admits_its_own_style_and_nothing_else(client):
    reply = client.get("/docs")
    (style,) = re.findall(r"<style>(.*?)</style>", reply.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = reply.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert " style=" not in reply.text
