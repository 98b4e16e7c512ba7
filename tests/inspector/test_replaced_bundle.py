"""A bundle that HUP replaces behind an open page: each answer on its own tree."""

import functools
import itertools
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.api.processes import start_server, wait_until
from tests.api.small_bundles import fit_cancer, write_cancer
from tests.inspector.bundles import LANDSCAPE, evaluation
from tests.inspector.conftest import in_words
from trainer.evaluate.document import encode_evaluation

CANCER = "/v1/models/breast-cancer"
DOCUMENTS = {
    "evaluation.json": encode_evaluation(evaluation()),
    "landscape.json": b"{}",
    "landscape.svg": LANDSCAPE.encode(),
    "report.html": b"<!doctype html><title>Report</title>",
}


@pytest.fixture
def bundles(tmp_path):
    directory = tmp_path / "bundles"
    directory.mkdir()
    write_cancer(directory / "b", files=DOCUMENTS)
    return directory


@pytest.fixture
def server(bundles, tmp_path):
    running = start_server(tmp_path, bundles, workers=1)
    yield running
    running.stop()


def replace_bundle(server, bundles):
    """Put another network and tree in the first one's place."""
    digest = write_cancer(bundles / "b", seed=1, version="2", files=DOCUMENTS)
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
    return [in_words(node["condition"]) for node in nodes if not node.get("leaf")]


OF_THE_MODEL = ("", "/methods", "/tree", "/examples")


def answer_as_before(visit, server, parts=OF_THE_MODEL):
    """Have these parts answered as now, whatever comes: as another replica would that
    has this bundle still. Returns what ends that.
    """
    for part in parts:
        body = server.get(CANCER + part).text
        answer = functools.partial(fulfill, body=body)
        visit.page.route(f"{server.url}{CANCER}{part}", answer)
    return visit.page.unroute_all


def fulfill(route, body):
    route.fulfill(body=body)


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
    as_now = answer_as_before(visit, server)
    replace_bundle(server, bundles)
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    ask_again(visit)
    told = visit.page.get_by_role("alert").filter(has_text="versions of this model")
    expect(told).to_be_visible()
    assert len([url for url in asked if url.endswith(":explain")]) == 2
    expect(visit.page.locator(".tree")).to_have_count(0)
    as_now()
    visit.explain()
    expect(visit.card("Does the tree speak for it?")).to_be_visible()
    expect(told).to_have_count(0)


@pytest.mark.parametrize("part", OF_THE_MODEL)
@pytest.mark.parametrize("view", ["explain", "model"])
def test_parts_of_two_bundles_are_never_set_side_by_side(
    visit, server, bundles, part, view
):
    """What a method says, an example and a tree are of the bundle of the page."""
    as_now = answer_as_before(visit, server, [part])
    replace_bundle(server, bundles)
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.open(model="breast-cancer", view=view, example=3)
    told = visit.page.get_by_role("alert").filter(has_text="versions of this model")
    expect(told).to_be_visible()
    expect(visit.page.locator(".tree, form.input, .about")).to_have_count(0)
    assert sum("/v1/" in url for url in asked) < 16  # and no more are on their way
    as_now()
    visit.page.get_by_role("button", name="Try again").click()
    expect(visit.page.locator(".tree")).to_be_visible()
    visit.settle()
    expect(told).to_have_count(0)


def test_part_that_one_replica_of_two_has_is_asked_of_the_other(visit, server, bundles):
    old = server.get(f"{CANCER}/tree").text
    replace_bundle(server, bundles)
    turns = itertools.cycle([True, False])

    def answer(route):
        route.fulfill(body=old) if next(turns) else route.continue_()

    visit.page.route(f"{server.url}{CANCER}/tree", answer)
    visit.open(model="breast-cancer", example=3)
    spoken = visit.page.get_by_role("treeitem").first
    expect(spoken).to_have_attribute(
        "aria-label", re.compile(f"^{re.escape(conditions(server)[0])}")
    )


def test_example_of_a_new_bundle_is_asked_of_that_bundle(visit, server, bundles):
    visit.open(model="breast-cancer")
    replace_bundle(server, bundles)
    visit.field("Example").select_option("3")
    told = visit.page.get_by_role("alert").filter(has_text="has replaced this model")
    expect(told).to_contain_text("version 2")
    visit.settle()
    row = server.get(f"{CANCER}/examples/3").json()["instance"]
    assert float(visit.field("mean radius").input_value()) == pytest.approx(row[0])


def test_example_of_another_bundle_is_no_row_of_this_one(visit, server):
    """As where a replica with the next bundle gives it, and another one answers."""
    visit.open(model="breast-cancer")
    page = server.get(f"{CANCER}/examples/3").json()
    page["model"]["digest"] = "sha256:another"
    page["instance"][0] = 12.5
    visit.page.route("**/examples/3", lambda route: route.fulfill(json=page))
    visit.field("Example").select_option("3")
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    assert visit.field("mean radius").input_value() == "12.5"
    assert visit.field("Example").input_value() == ""
    assert "example=" not in visit.page.url


def test_documents_of_another_bundle_are_not_shown(visit, server, bundles):
    as_now = answer_as_before(visit, server)
    replace_bundle(server, bundles)
    visit.open(model="breast-cancer", view="model")
    expect(visit.page.locator(".about .error:not(:empty)")).to_have_text(
        ["The server has another version of this model by now. Load this page anew."]
        * 2
    )
    expect(visit.page.locator(".about img, .evaluation")).to_have_count(0)
    visit.page.get_by_role("button", name="Save the report").click()
    error = visit.card("Report").get_by_role("alert")
    expect(error).to_contain_text("another version of this model")
    visit.forgive_refusals()
    as_now()
    visit.page.reload()
    expect(visit.card("Loss landscape").locator("img")).to_be_visible()
    expect(visit.card("How good the explanations are").locator("table")).to_be_visible()


def test_model_view_shows_the_new_bundle_once_it_is_opened(visit, server, bundles):
    visit.open(model="breast-cancer")
    replace_bundle(server, bundles)
    visit.page.get_by_role("link", name="About the model").click()
    expect(visit.card("At a glance")).to_contain_text("2, sha256:")
