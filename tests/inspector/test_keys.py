"""A server with keys: asked for once, sent with every request, kept nowhere."""

import hashlib
import signal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.api.processes import start_server, wait_until

KEY = "open-sesame"


def line(key):
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"lab {digest} breast-cancer,mixed\n"


@pytest.fixture(scope="module")
def keyed(bundles, tmp_path_factory):
    directory = tmp_path_factory.mktemp("keyed")
    keys = directory / "keys"
    keys.write_text(line(KEY))
    running = start_server(directory, bundles, workers=1, api_keys_file=keys)
    yield running
    running.stop()


def enter(visit, key):
    visit.field("API key").fill(key)
    visit.page.get_by_role("button", name="Use this key").click()


def test_page_asks_for_the_key_and_shows_what_it_opens(open_visit, keyed):
    visit = open_visit(keyed)
    visit.page.goto(f"{keyed.url}/#model=breast-cancer&example=3")
    expect(visit.field("API key")).to_be_focused()
    assert keyed.get("/v1/models").status_code == 401
    enter(visit, KEY)
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    options = visit.field("Model").locator("option").all_inner_texts()
    assert options == ["breast-cancer", "mixed"]
    expect(visit.field("API key")).to_be_hidden()


def test_wrong_key_is_said_and_another_may_be_tried(open_visit, keyed):
    visit = open_visit(keyed)
    visit.page.goto(f"{keyed.url}/#model=mixed")
    enter(visit, "wrong")
    alert = visit.page.get_by_role("alert").filter(has_text="does not know this key")
    expect(alert).to_be_visible()
    results = Axe().run(visit.page)
    assert results.violations_count == 0, results.generate_report()
    visit.forgive_refusals()
    enter(visit, KEY)
    expect(visit.field("colour")).to_be_visible()


def test_key_is_kept_in_memory_alone(open_visit, keyed):
    visit = open_visit(keyed)
    visit.page.goto(f"{keyed.url}/#model=mixed&input=[30,%22red%22]")
    enter(visit, KEY)
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert visit.page.evaluate(kept) == '[{},{},""]'
    assert KEY not in visit.page.url
    assert KEY not in keyed.log.read_text()
    visit.page.reload()
    expect(visit.field("API key")).to_be_visible()
    assert visit.field("API key").input_value() == ""


def test_pictures_and_report_come_with_the_key(open_visit, keyed):
    visit = open_visit(keyed)
    visit.page.goto(f"{keyed.url}/#model=breast-cancer&view=model")
    enter(visit, KEY)
    landscape = visit.card("Loss landscape").locator("img")
    landscape.scroll_into_view_if_needed()
    expect(landscape).to_have_js_property("naturalWidth", 40)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save the report").click()
    assert b"All of it." in download.value.path().read_bytes()


@pytest.fixture
def revoke(bundles, tmp_path):
    """A server of its own, and what takes the key away and gives another."""
    keys = tmp_path / "keys"
    keys.write_text(line(KEY))
    running = start_server(tmp_path, bundles, workers=1, api_keys_file=keys)

    def act(new):
        (worker,) = running.workers()
        keys.write_text(line(new))
        running.signal(signal.SIGHUP)
        wait_until(lambda: worker not in running.workers())
        bearer = {"Authorization": f"Bearer {new}"}
        wait_until(lambda: running.get("/v1/models", headers=bearer).ok)

    yield running, act
    running.stop()


def test_key_that_is_revoked_meanwhile_is_asked_for_again(open_visit, revoke):
    server, revoke_for = revoke
    visit = open_visit(server)
    complaint = visit.page.get_by_role("alert").filter(has_text="not know this key")
    visit.page.goto(f"{server.url}/#model=mixed&input=[30,%22red%22]")
    enter(visit, KEY)
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    revoke_for("second")
    visit.explain()
    expect(complaint).to_be_visible()
    expect(visit.field("API key")).to_be_focused()
    enter(visit, "second")
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    visit.page.goto(f"{server.url}/#model=breast-cancer&view=model")
    button = visit.page.get_by_role("button", name="Save the report")
    button.wait_for()
    visit.settle()
    revoke_for("third")
    button.click()
    expect(complaint).to_be_visible()
    enter(visit, "third")
    expect(complaint).to_be_hidden()
    with visit.page.expect_download():
        button.click()
    visit.forgive_refusals()
