"""Documents of the bundle: served when it has them, refused in words when not."""

import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.small_bundles import write_cancer

PAGE = "/v1/models/breast-cancer"
FILES = {
    "gallery/index.json": b'{"pictures":["one.png"]}',
    "gallery/one.png": b"\x89PNG",
    "gallery/notes.txt": b"for the trainer",
    "landscape.json": b'{"grid":[]}',
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
        ("gallery", "gallery/index.json", "application/json"),
        ("gallery/one.png", "gallery/one.png", "image/png"),
        ("landscape", "landscape.json", "application/json"),
        ("report", "report.html", "text/html; charset=utf-8"),
    ],
)
def test_document_is_served_as_it_is_and_only_once(full, path, file, content_type):
    reply = full.get(f"{PAGE}/{path}")
    assert (reply.data, reply.content_type) == (FILES[file], content_type)
    again = full.get(f"{PAGE}/{path}", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304


def test_report_may_run_nothing(full):
    policy = full.get(f"{PAGE}/report").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy


@pytest.mark.parametrize(
    "path", ["gallery", "gallery/one.png", "landscape", "report", "gallery/x/../y.png"]
)
def test_document_that_the_bundle_lacks_is_not_found(client, path):
    reply = client.get(f"{PAGE}/{path}")
    assert (reply.status_code, reply.json["type"]) == (404, "/problems/not-in-bundle")


@pytest.mark.parametrize(
    "path", ["gallery/notes.txt", "gallery/../tree.json", "gallery/..%2ftree.json"]
)
def test_gallery_gives_nothing_but_its_pictures(full, path):
    assert full.get(f"{PAGE}/{path}").status_code == 404
