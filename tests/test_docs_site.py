"""The documentation as a site: links lead somewhere, and no other host is asked."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parent.parent


def build(config: Path, site: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-f", config, "-d", site],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", directory)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def address(site):
    handler = functools.partial(QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_a_broken_link_fails_the_build(tmp_path):
    broken = ["gone.md", "#gone", "/gone.md"]
    (tmp_path / "docs").mkdir()
    links = "\n\n".join(f"[there]({target})" for target in broken)
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n{links}\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT}/mkdocs.yml\nhooks: []\nnav: [index.md]\n")
    done = build(config, tmp_path / "site")
    assert done.returncode != 0
    assert [link for link in broken if f"'{link}'" not in done.stderr] == []


def test_every_page_is_in_the_navigation(site):
    start = (site / "index.html").read_text(encoding="utf-8")
    pages = {path.name for path in site.glob("*.html")} - {"404.html", "index.html"}
    assert len(pages) > 15
    assert [page for page in sorted(pages) if f'href="{page}"' not in start] == []


def test_pages_need_no_other_host_and_can_be_searched(address, browser):
    page = browser.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for name in ("api", "integrate", "gallery", "index"):
        page.goto(f"{address}{name}.html")
    field = page.get_by_role("textbox", name="Search")
    field.click()
    field.press_sequentially("counterfactual")
    found = page.locator(".md-search-result")
    shown = found.get_by_text("Explanation methods").first
    expect(shown).to_be_visible(timeout=30_000)  # once the index is read
    page.close()
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert complaints == []
