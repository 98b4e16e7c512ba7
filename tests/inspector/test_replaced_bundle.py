"""A bundle that HUP replaces behind an open page: each answer on its own tree."""

import signal

import pytest
from playwright.sync_api import expect

from tests.api.processes import start_server, wait_until
from tests.api.small_bundles import fit_cancer, write_cancer

CANCER = "/v1/models/breast-cancer"


@pytest.fixture
def bundles(tmp_path):
    directory = tmp_path / "bundles"
    directory.mkdir()
    write_cancer(directory / "b")
    return directory


@pytest.fixture
def server(bundles, tmp_path):
    running = start_server(tmp_path, bundles, workers=1)
    yield running
    running.stop()


def replace_bundle(server, bundles):
    """Put another network and tree in the first one's place."""
    digest = write_cancer(bundles / "b", seed=1, version="2")
    (old,) = server.workers()
    server.signal(signal.SIGHUP)
    wait_until(lambda: old not in server.workers())
    wait_until(server.is_ready)
    assert server.get(CANCER).json()["digest"] == digest


def ask_again(visit):
    visit.field("mean texture").fill("30.25")
    visit.page.keyboard.press("Tab")
    visit.settle()


def conditions(server):
    nodes = server.get(f"{CANCER}/tree").json()["nodes"]
    return [node["condition"] for node in nodes if not node.get("leaf")]


def test_answer_of_a_new_bundle_is_drawn_on_the_tree_of_that_bundle(
    visit, server, bundles
):
    visit.open(model="breast-cancer", example=3, method="gradient")
    row = server.get(f"{CANCER}/examples/3").json()["instance"]
    before = conditions(server)
    replace_bundle(server, bundles)
    assert conditions(server) != before
    ask_again(visit)
    nodes = visit.page.get_by_role("treeitem")
    spoken = [node.get_attribute("aria-label") for node in nodes.all()]
    drawn = {text.split("?, ")[0] for text in spoken if "?, " in text}
    assert drawn == set(conditions(server))
    data, _, _, fitted, _ = fit_cancer(1)
    row[list(data.feature_names).index("mean texture")] = 30.25
    lit = visit.page.locator(".tree .node.taken")
    ids = {int(node.get_attribute("data-node")) for node in lit.all()}
    assert ids == set(fitted.decision_path([row]).indices.tolist())
    told = visit.page.get_by_role("alert").filter(has_text="has replaced this model")
    expect(told).to_contain_text("version 2")
    # The reader's question stands: the same input, the same method.
    assert visit.field("mean texture").input_value() == "30.25"
    card = visit.card("What the network looked at")
    expect(card.get_by_label("Method")).to_have_value("gradient")


def test_versions_that_answer_in_turn_are_said_and_not_asked_for_ever(
    visit, server, bundles
):
    visit.open(model="breast-cancer", example=3)
    old = server.get(CANCER).text
    replace_bundle(server, bundles)
    # What another replica would say that has the old bundle still.
    page = visit.server.url + CANCER
    visit.page.route(page, lambda route: route.fulfill(body=old))
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    ask_again(visit)
    told = visit.page.get_by_role("alert").filter(has_text="versions of this model")
    expect(told).to_be_visible()
    assert len([url for url in asked if url.endswith(":explain")]) == 2
    expect(visit.page.locator(".tree")).to_have_count(0)
    visit.page.unroute(page)
    visit.explain()
    expect(visit.card("Does the tree speak for it?")).to_be_visible()
    expect(told).to_have_count(0)


def test_model_view_shows_the_new_bundle_once_it_is_opened(visit, server, bundles):
    visit.open(model="breast-cancer")
    replace_bundle(server, bundles)
    visit.page.get_by_role("link", name="About the model").click()
    expect(visit.card("At a glance")).to_contain_text("2, sha256:")


def test_model_view_does_not_set_a_tree_beside_another_bundles_figures(
    visit, server, bundles
):
    old = server.get(CANCER).text
    replace_bundle(server, bundles)
    page = visit.server.url + CANCER
    visit.page.route(page, lambda route: route.fulfill(body=old))
    visit.open(model="breast-cancer", view="model")
    told = visit.page.get_by_role("alert").filter(has_text="versions of this model")
    expect(told).to_be_visible()
    expect(visit.card("At a glance")).to_have_count(0)
    visit.page.unroute(page)
    visit.open(model="breast-cancer", view="model")
    expect(visit.card("At a glance")).to_contain_text("2, sha256:")
