"""Documents of the bundle: served when it has them, refused in words when not."""

import hashlib

import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.small_bundles import write_cancer

PAGE = "/v1/models/breast-cancer"
FILES = {
    "evaluation.json": b'{"methods":{}}',
    "gallery/index.json": b'{"pictures":["one.png"]}',
    "gallery/one.png": b"\x89PNG",
    "gallery/notes.txt": b"for the trainer",
    "landscape.json": b'{"grid":[]}',
    "landscape.svg": b"<svg/>",
    "landscape.png": b"\x89PNG landscape",
    "landscape/surface.png": b"\x89PNG surface",
    "landscape/line.svg": b"<svg>line</svg>",
    "report.html": b"<p>report</p>",
}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    directory = tmp_path_factory.mktemp("full")
    write_cancer(directory / "b", files=FILES)
    return create_app(Settings(bundles=directory)).test_client()


@pytest.mark.parametrize(
    ("path", "file", "content_type"),
    [
        ("evaluation", "evaluation.json", "application/json"),
        ("gallery", "gallery/index.json", "application/json"),
        ("gallery/one.png", "gallery/one.png", "image/png"),
        ("landscape", "landscape.json", "application/json"),
        ("landscape/surface.png", "landscape/surface.png", "image/png"),
        ("landscape/line.svg", "landscape/line.svg", "image/svg+xml; charset=utf-8"),
        ("report", "report.html", "text/html; charset=utf-8"),
    ],
)
def test_document_is_served_as_it_is_and_only_once(full, path, file, content_type):
    reply = full.get(f"{PAGE}/{path}")
    assert (reply.data, reply.content_type) == (FILES[file], content_type)
    again = full.get(f"{PAGE}/{path}", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304


def test_page_names_every_document_and_each_is_there(full):
    names = full.get(PAGE).json["documents"]
    assert {"evaluation", "landscape/line.svg", "landscape/surface.png"} < set(names)
    for name in names:
        assert full.get(f"{PAGE}/{name}").status_code == 200


LANDSCAPES = {
    "landscape.json": "application/json",
    "landscape.svg": "image/svg+xml",
    "landscape.png": "image/png",
}


def test_page_has_the_sha256_of_every_byte_that_is_shown(full):
    digests = full.get(PAGE).json["files"]
    assert set(digests) == set(FILES) - {"gallery/notes.txt"}
    paths = {"gallery/index.json": "gallery", "evaluation.json": "evaluation"}
    paths |= {"report.html": "report"} | dict.fromkeys(LANDSCAPES, "landscape")
    for file, digest in digests.items():
        accept = {"Accept": LANDSCAPES.get(file, "*/*")}
        reply = full.get(f"{PAGE}/{paths.get(file, file)}", headers=accept)
        assert reply.data == FILES[file]
        assert hashlib.sha256(reply.data).hexdigest() == digest


def test_page_says_nothing_of_a_report_that_is_hidden(tmp_path):
    write_cancer(tmp_path / "b", files=FILES, expose="path")
    page = create_app(Settings(bundles=tmp_path)).test_client().get(PAGE).json
    assert set(FILES) - set(page["files"]) == {"gallery/notes.txt", "report.html"}


def test_report_may_run_nothing(full):
    policy = full.get(f"{PAGE}/report").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy


@pytest.mark.parametrize(
    "path",
    [
        *("evaluation", "gallery", "gallery/one.png", "landscape", "report"),
        "gallery/x/../y.png",
    ],
)
def test_document_that_the_bundle_lacks_is_not_found(client, path):
    reply = client.get(f"{PAGE}/{path}")
    assert (reply.status_code, reply.json["type"]) == (404, "/problems/not-in-bundle")


@pytest.mark.parametrize(
    "path", ["gallery/notes.txt", "gallery/../tree.json", "gallery/..%2ftree.json"]
)
def test_gallery_gives_nothing_but_its_pictures(full, path):
    assert full.get(f"{PAGE}/{path}").status_code == 404


@pytest.mark.parametrize(
    ("accept", "file"),
    [
        ("application/json", "landscape.json"),
        ("image/svg+xml", "landscape.svg"),
        ("image/png", "landscape.png"),
        ("image/png;q=0.5, image/svg+xml", "landscape.svg"),
        ("*/*", "landscape.json"),
    ],
)
def test_landscape_comes_in_the_form_that_the_client_prefers(full, accept, file):
    reply = full.get(f"{PAGE}/landscape", headers={"Accept": accept})
    assert reply.data == FILES[file]
    assert reply.vary.as_set() == {"accept"}


def test_each_form_of_the_landscape_has_its_own_tag(full):
    tags = {
        full.get(f"{PAGE}/landscape", headers={"Accept": accept}).headers["ETag"]
        for accept in ("application/json", "image/svg+xml", "image/png")
    }
    assert len(tags) == 3
    reply = full.get(f"{PAGE}/landscape", headers={"Accept": "text/html"})
    assert (reply.status_code, reply.json["type"]) == (406, "/problems/not-acceptable")
    assert "image/svg+xml" in reply.json["detail"]


@pytest.mark.parametrize("path", ["gallery", "gallery/one.png", "landscape"])
def test_address_with_the_digest_may_be_kept_for_good(full, path):
    plain = full.get(f"{PAGE}/{path}")
    assert plain.headers["Cache-Control"] == "private, no-cache"
    digest = full.get(PAGE).json["digest"]
    kept = full.get(f"{PAGE}/{path}", query_string={"digest": digest})
    assert kept.data == plain.data
    assert kept.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    gone = full.get(f"{PAGE}/{path}", query_string={"digest": "sha256:" + "0" * 64})
    assert (gone.status_code, gone.json["type"]) == (404, "/problems/not-in-bundle")
