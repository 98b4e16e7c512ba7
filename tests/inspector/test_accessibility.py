"""Readable by everybody: axe's rules, both colour schemes, a phone's width."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

VIEWS = {
    "table": {"model": "breast-cancer", "example": 3},
    "disagreement": {"model": "large", "example": 0},
    "sequence": {"model": "signals", "example": 2},
    "picture": {"model": "pictures", "example": 0},
    "photo": {"model": "photos", "example": 0},
    "colours": {"model": "colours", "example": 0},
    "missing": {"model": "mixed", "input": [None, "blue"]},
    "model": {"model": "breast-cancer", "view": "model"},
}
LOOKS = [("desktop", "light"), ("phone", "dark")]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_axe_has_nothing_to_say_and_the_page_fits(
    open_visit, server, view, size, scheme
):
    visit = open_visit(server, size, scheme)
    visit.open(**VIEWS[view])
    for details in visit.page.locator("details > summary").all():
        details.click()
    visit.settle()
    results = Axe().run(visit.page)
    assert results.violations_count == 0, results.generate_report()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visit.page.evaluate(wide) == 0


@pytest.mark.parametrize("view", VIEWS)
def test_nobody_is_read_seventeen_digits(visit, view):
    """No name, value or description that a screen reader is told; but what is typed."""
    visit.open(**VIEWS[view])
    for details in visit.page.locator(".answers details > summary").all():
        details.click()
    session = visit.page.context.new_cdp_session(visit.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    typed = set()
    for node in nodes:  # those that hold others come before them
        if node["role"]["value"] in EDITED or node["nodeId"] in typed:
            typed |= {node["nodeId"], *node["childIds"]}
    said = {
        str(node[part].get("value"))
        for node in nodes
        for part in ("name", "value", "description")
        if part in node and node["nodeId"] not in typed
    }
    assert len(said) > 30
    # Seven tell numbers of single precision apart.
    assert [text for text in said if significant_digits(text) > 7] == []


EDITED = {"textbox", "spinbutton"}


def significant_digits(text):
    """Of the longest fraction in a text."""
    fractions = re.findall(r"\d+\.\d+", text)
    return max((len(f.replace(".", "").lstrip("0")) for f in fractions), default=0)


def test_problems_are_accessible_too(visit):
    visit.open(model="mixed")
    visit.page.get_by_role("button", name="Explain").click()
    results = Axe().run(visit.page)
    assert results.violations_count == 0, results.generate_report()


def test_schemes_differ(open_visit, server):
    background = "getComputedStyle(document.body).backgroundColor"
    colours = set()
    for look in LOOKS:
        visit = open_visit(server, *look)
        visit.open(model="mixed")
        colours.add(visit.page.evaluate(background))
    assert len(colours) == 2


def test_keyboard_goes_from_the_top_to_the_answer_in_reading_order(visit):
    visit.open(model="mixed", input=[30, "red"])
    visit.page.evaluate("document.body.focus()")
    order = []
    for _ in range(30):
        visit.page.keyboard.press("Tab")
        order.append(
            visit.page.evaluate(
                "document.activeElement.id || document.activeElement.textContent"
            )
        )
    expected = ["Skip to the content", "model", "to-explain", "to-model", "example"]
    assert order[:4] == expected[:4]
    places = [order.index(name) for name in ("example", "csv", "input-0", "input-1")]
    assert places == sorted(places)
    assert order.index("Explain") > places[-1]


def focused(page):
    """The id or class of what has the focus."""
    return page.evaluate(
        "document.activeElement.id || document.activeElement.getAttribute('class')"
    )


def test_focus_goes_where_a_pressed_button_leads(visit):
    """What stood around the button is drawn anew, and would leave the focus nowhere."""
    visit.open(model="breast-cancer", example=3)
    card = visit.card("What the network looked at")
    card.get_by_role("button", name="Show all 30").press("Enter")
    expect(card.locator(".bars tbody tr")).to_have_count(30)
    less = card.get_by_role("button", name="Show the first 10")
    expect(less).to_be_focused()
    less.press("Enter")
    expect(card.locator(".bars tbody tr")).to_have_count(10)
    for heading, name in (
        ("What would change the answer?", "Try this input"),
        ("Similar cases", "Look at it"),
    ):
        visit.card(heading).get_by_role("button", name=name).first.press("Enter")
        visit.settle()
        assert focused(visit.page) == "card input"
        assert visit.page.get_by_role("form", name="Input").bounding_box()["y"] >= 0


def test_focus_and_sight_are_at_the_top_of_a_view_that_a_link_opens(visit):
    visit.open(model="large", view="model")
    card = visit.card("Where tree and network disagree")
    card.get_by_role("link").first.press("Enter")
    expect(visit.card("Does the tree speak for it?")).to_be_visible()
    visit.settle()
    assert focused(visit.page) == "main"
    assert visit.page.evaluate("scrollY") == 0


def test_skip_link_leads_to_the_content_and_keeps_the_state(visit):
    visit.open(model="mixed", input=[30, "red"])
    before = visit.page.url
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"
    assert visit.page.url == before
