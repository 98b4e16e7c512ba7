"""Readable by everybody: axe's rules, both colour schemes, a phone's width."""

import pytest
from axe_playwright_python.sync_playwright import Axe

VIEWS = {
    "table": {"model": "breast-cancer", "example": 3},
    "disagreement": {"model": "large", "example": 0},
    "sequence": {"model": "signals", "example": 2},
    "picture": {"model": "pictures", "example": 0},
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


def test_skip_link_leads_to_the_content_and_keeps_the_state(visit):
    visit.open(model="mixed", input=[30, "red"])
    before = visit.page.url
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"
    assert visit.page.url == before
