"""What is said of a model: measures, rivals, leaves, disagreement, pictures."""

import hashlib
import json

import pytest
from playwright.sync_api import expect

from tests.inspector.conftest import in_words

CANCER = "/v1/models/breast-cancer"


@pytest.fixture
def page(server):
    return server.get(CANCER).json()


def texts(locator):
    return locator.evaluate_all("cells => cells.map(cell => cell.innerText)")


def test_measures_are_the_manifests(visit, page):
    visit.open(model="breast-cancer", view="model")
    visit.page.get_by_text("All measures, on unseen cases").click()
    rows = visit.page.get_by_role("region", name="All measures").locator("tbody tr")
    groups = page["metrics"]["network"], page["metrics"]["constant_class"]
    expected = sum(map(len, groups)) + 4  # the tree's
    assert rows.count() == expected
    accuracy = rows.filter(has_text="Network").filter(has_text="Accuracy")
    estimate = page["metrics"]["network"]["accuracy"]
    expect(accuracy).to_contain_text(f"{round(100 * estimate['value'], 1):g}\u00a0%")
    expect(accuracy).to_contain_text(f"{round(100 * estimate['low'], 1):g}\u00a0%")


def test_frontier_has_every_strength_and_this_model(visit, page):
    visit.open(model="breast-cancer", view="model")
    card = visit.card("Short explanations against faithful ones")
    points = page["metrics"]["frontier"]
    for chart in card.locator("figure").all():
        assert chart.locator(".point.regularized").count() == len(points)
        assert chart.locator(".point.model").count() == 1
    card.get_by_text("As a table").click()
    rows = card.locator("tbody tr")
    assert rows.count() == len(points) + 1
    lengths = texts(rows.locator("td:nth-child(3)"))
    expected = [p["tree"]["average_path_length"]["value"] for p in points]
    assert [float(text) for text in lengths[:-1]] == pytest.approx(expected, rel=1e-3)


def test_points_stand_where_their_figures_say(visit, page):
    visit.open(model="breast-cancer", view="model")
    chart = visit.page.locator("figure").first
    drawn = chart.locator(".point.regularized circle").evaluate_all(
        "dots => dots.map(d => [Number(d.getAttribute('cx')),"
        " Number(d.getAttribute('cy'))])"
    )
    trees = [point["tree"] for point in page["metrics"]["frontier"]]
    xs = [tree["average_path_length"]["value"] for tree in trees]
    ys = [tree["fidelity"]["value"] for tree in trees]
    for values, places in ((xs, [x for x, _ in drawn]), (ys, [y for _, y in drawn])):
        scales = [
            (places[i] - places[0]) / (values[i] - values[0])
            for i in range(1, len(values))
        ]
        assert scales == pytest.approx([scales[0]] * len(scales), rel=1e-6)


def test_leaves_come_least_faithful_first_with_rule_and_counts(visit, server):
    visit.open(model="breast-cancer", view="model")
    tree = server.get(f"{CANCER}/tree").json()
    leaves = [node for node in tree["nodes"] if node.get("leaf")]
    leaves.sort(key=lambda leaf: leaf["fidelity"])
    rows = visit.page.get_by_role("region", name="Leaves").locator("tbody tr")
    assert texts(rows.locator("td:nth-child(2)")) == [leaf["label"] for leaf in leaves]
    assert texts(rows.locator("td:nth-child(3)")) == [str(leaf["n"]) for leaf in leaves]
    first = rows.first
    for count, name in zip(leaves[0]["class_counts"], tree["classes"], strict=True):
        if count:
            expect(first.locator("td:nth-child(5)")).to_contain_text(f"{count} {name}")
    feature = tree["features"][tree["nodes"][0]["feature"]]["name"]
    expect(first.locator("th")).to_contain_text(feature)


def test_many_leaves_are_shown_when_asked_for(visit, server):
    visit.open(model="large", view="model")
    nodes = server.get("/v1/models/large/tree").json()["nodes"]
    rules = {in_words(node["rule"]) for node in nodes if node.get("leaf")}
    card = visit.card("Leaf by leaf, the least faithful first")
    rows = card.locator("tbody tr")
    assert rows.count() == 20
    card.get_by_role("button", name=f"Show all {len(rules)}").click()
    assert set(texts(rows.locator("th"))) == rules
    card.get_by_role("button", name="Show the first 20").click()
    assert rows.count() == 20


def test_disagreements_are_listed_and_lead_to_the_input(visit, server):
    visit.open(model="large", view="model")
    examples = server.get("/v1/models/large/examples").json()["examples"]
    apart = [each for each in examples if not each["agrees"]]
    links = visit.card("Where tree and network disagree").get_by_role("link")
    assert links.count() == len(apart)
    links.first.click()
    warning = visit.page.get_by_role("alert").filter(has_text="The tree disagrees")
    expect(warning).to_contain_text(f"the tree {apart[0]['tree_label']}")
    visit.settle()


def test_methods_say_why_they_are_not_offered(visit, server):
    visit.open(model="breast-cancer", view="model")
    methods = server.get(f"{CANCER}/methods").json()["methods"]
    rows = visit.card("Methods").locator("tbody tr")
    assert rows.count() == len(methods)
    missing = next(method for method in methods if not method["available"])
    expect(visit.card("Methods")).to_contain_text(missing["reason"])


def test_gallery_landscape_and_report_are_shown(visit):
    visit.open(model="breast-cancer", view="model")
    for heading in ("Gallery", "Loss landscape"):
        image = visit.card(heading).locator("img")
        image.scroll_into_view_if_needed()
        expect(image).not_to_have_js_property("naturalWidth", 0)
    expect(visit.card("Gallery")).to_contain_text("What the class malignant looks for")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save the report").click()
    assert download.value.suggested_filename == "breast-cancer-report.html"


SVG = {"Accept": "image/svg+xml"}
SHOWN = {
    "How good the explanations are": {"evaluation.json": ("evaluation", {})},
    "Gallery": {
        "gallery/index.json": ("gallery", {}),
        "gallery/malignant.png": ("gallery/malignant.png", {}),
    },
    "Loss landscape": {
        "landscape.json": ("landscape", {}),
        "landscape.svg": ("landscape", SVG),
        "landscape/line.svg": ("landscape/line.svg", {}),
        "landscape/surface.png": ("landscape/surface.png", {}),
    },
    "Report": {"report.html": ("report", {})},
}


def digests_in(card):
    card.get_by_text("Files of the bundle, with their SHA-256").click()
    names, digests = (card.locator(f"details[open] {part}") for part in ("dt", "dd"))
    return dict(zip(texts(names), texts(digests), strict=True))


def test_digests_are_those_of_the_bytes_beside_them(visit, server, page):
    visit.open(model="breast-cancer", view="model")
    for heading, files in SHOWN.items():
        bytes_of = {
            name: server.get(f"{CANCER}/{path}", headers=headers).content
            for name, (path, headers) in files.items()
        }
        assert digests_in(visit.card(heading)) == {
            name: hashlib.sha256(content).hexdigest()
            for name, content in bytes_of.items()
        }
    frontier = digests_in(visit.card("Short explanations against faithful ones"))
    assert frontier == {"manifest.json": page["digest"].removeprefix("sha256:")}
    expect(visit.card("At a glance")).to_contain_text(page["digest"])


def test_a_server_of_the_version_before_names_no_files(visit, page):
    before = json.dumps({name: page[name] for name in page if name != "files"})
    address = "**/v1/models/breast-cancer"
    visit.page.route(address, lambda route: route.fulfill(body=before))
    visit.open(model="breast-cancer", view="model")
    expect(visit.card("Gallery")).to_contain_text("What the class malignant looks for")
    digests = visit.card("Gallery").get_by_text("with their SHA-256")
    expect(digests).to_have_count(0)


@pytest.mark.parametrize("name", ["path-only", "secret"])
def test_what_the_publisher_hides_is_not_asked_for(visit, name):
    visit.open(model=name, view="model")
    expect(visit.card("At a glance")).to_be_visible()
    for heading in ("The tree", "Leaf by leaf, the least faithful first", "Report"):
        expect(visit.card(heading)).to_have_count(0)


def test_evaluation_says_each_figure_beside_the_random_order(visit, server):
    visit.open(model="breast-cancer", view="model")
    found = server.get(f"{CANCER}/evaluation").json()
    card = visit.card("How good the explanations are")
    rows = card.locator("tbody tr")
    assert texts(rows.locator("th")) == ["Random order, to compare with", "LIME"]
    lime = found["methods"]["lime"]
    cells = rows.nth(1).locator("td")
    for cell, name in ((cells.nth(0), "deletion"), (cells.nth(2), "infidelity")):
        expect(cell).to_contain_text(f"{lime[name]['value']:.3g} (")
    expect(cells.nth(3)).to_have_text("not measured")
    expect(cells.nth(4)).to_have_text("0.81, none, \u22120.12")
    # The curve falls where the document's does, beside the control's.
    drawn = cells.nth(0).locator("polyline")
    assert drawn.count() == 2
    points = drawn.last.evaluate("line => [...line.points].map(p => [p.x, p.y])")
    x, y = zip(*points, strict=True)
    shares, curve = found["fractions"], lime["deletion_curve"]
    assert x == pytest.approx([x[-1] * share for share in shares], abs=0.06)
    assert y == pytest.approx(
        [
            y[0] + (y[-1] - y[0]) * (p - curve[0]) / (curve[-1] - curve[0])
            for p in curve
        ],
        abs=0.11,
    )
    spoken = cells.nth(0).get_by_role("img").get_attribute("aria-label")
    assert f"{curve[0]:.0%}".replace("%", " %") in spoken
    card.get_by_text("What the columns say").click()
    expect(card.get_by_text("a method that stays near 1")).to_be_visible()


def test_further_views_of_the_landscape_come_when_they_are_opened(visit):
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.open(model="breast-cancer", view="model")
    card = visit.card("Loss landscape")
    assert [url for url in asked if "/landscape/" in url] == []
    card.get_by_text("More views of the landscape").click()
    images = card.locator("figure img")
    expect(images).to_have_count(2)  # those that the bundle has
    for image in images.all():
        image.scroll_into_view_if_needed()
        expect(image).not_to_have_js_property("naturalWidth", 0)


def test_a_region_shows_its_own_tree_and_leaves(visit, server):
    path = f"{CANCER}/tree"
    whole = server.get(path).json()
    visit.open(model="breast-cancer", view="model", region="elsewhere")
    assert visit.field("Region").input_value() == ""  # there is none of that name
    leaves = visit.page.get_by_role("region", name="Leaves").locator("tbody tr")
    assert leaves.count() == whole["leaves"]
    for chosen in whole["regions"]:
        visit.field("Region").select_option(chosen["name"])
        visit.settle()
        tree = server.get(path, params={"region": chosen["name"]}).json()
        assert leaves.count() == chosen["leaves"] < whole["leaves"]
        drawn = visit.page.get_by_role("treeitem")
        ids = {int(node.get_attribute("data-node")) for node in drawn.all()}
        assert ids == {node["id"] for node in tree["nodes"]}
        status = visit.card("The tree").locator("[aria-live]")
        expect(status).to_contain_text(f"{chosen['n']} training rows")
    # The link shows the same to somebody else, and the keyboard stays inside.
    link = visit.page.url
    visit.page.goto("about:blank")
    visit.page.goto(link)
    root = visit.page.get_by_role("treeitem").first
    expect(root).to_have_attribute("data-node", str(chosen["root"]))
    assert visit.field("Region").input_value() == chosen["name"]
    root.focus()
    for key in ("ArrowLeft", "End", "Home"):
        visit.page.keyboard.press(key)
    expect(root).to_be_focused()


def test_a_region_is_cut_from_the_tree_that_is_there(visit):
    visit.open(model="breast-cancer", view="model")
    nodes = visit.page.get_by_role("treeitem")
    whole = nodes.count()
    visit.page.context.set_offline(True)
    try:
        visit.field("Region").select_option(index=1)
        assert 0 < nodes.count() < whole
        visit.field("Region").select_option("")
        expect(nodes).to_have_count(whole)
    finally:
        visit.page.context.set_offline(False)
