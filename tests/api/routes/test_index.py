"""The front door, and the files of the inspector behind it."""

import re


def test_programs_hear_that_the_server_lives_and_browsers_get_the_inspector(client):
    for accept in (None, "*/*", "application/json"):
        headers = {"Accept": accept} if accept else {}
        assert client.get("/", headers=headers).json == {"status": "alive"}
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    reply = client.get("/", headers=browser)
    assert reply.status_code == 200
    assert reply.content_type == "text/html; charset=utf-8"
    assert "Accept" in reply.headers["Vary"]
    tag = {"If-None-Match": reply.headers["ETag"]}
    assert client.get("/", headers=browser | tag).status_code == 304


def test_page_admits_its_own_files_and_no_inline_code(client):
    reply = client.get("/", headers={"Accept": "text/html"})
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", reply.text)
    assert "//" not in re.sub(r"<!doctype.*?>", "", reply.text).replace("://", "//")


def test_files_are_kept_for_a_year_under_the_address_of_their_content(client):
    page = client.get("/", headers={"Accept": "text/html"}).text
    files = set(re.findall(r'(?:src|href)="(inspector/[^"]+)"', page))
    assert {name.rpartition(".")[2] for name in files} == {"js", "css", "svg"}
    for file in files:
        reply = client.get(f"/{file}")
        assert reply.status_code == 200
        assert "immutable" in reply.headers["Cache-Control"]
        assert reply.headers["ETag"]
    _, digest, name = min(files).split("/")
    assert client.get(f"/inspector/{digest}/nothing.js").status_code == 404
    assert client.get(f"/inspector/{'0' * len(digest)}/{name}").status_code == 404
