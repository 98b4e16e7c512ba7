"""A large tree stays readable: folded, zoomed, scrolled, walked with the keyboard."""

import pytest
from playwright.sync_api import expect

from tests.inspector.conftest import in_words

LEAVES = 60


@pytest.fixture
def tree(server):
    nodes = server.get("/v1/models/large/tree").json()["nodes"]
    return {node["id"]: node for node in nodes}


def path_of(tree, leaf):
    path = [leaf]
    while tree[path[0]]["parent"] is not None:
        path.insert(0, tree[path[0]]["parent"])
    return path


def drawn(page):
    return page.locator(".tree [data-node]").evaluate_all(
        "nodes => nodes.map(node => Number(node.dataset.node))"
    )


def lit(page):
    return page.locator(".tree .node.taken").evaluate_all(
        "nodes => nodes.map(node => Number(node.dataset.node))"
    )


@pytest.fixture
def shown(visit, server, tree):
    """The view of row 5 of the large model, and the way to its leaf."""
    visit.open(model="large", example=5)
    instance = server.get("/v1/models/large/examples/5").json()["instance"]
    reply = server.post("/v1/models/large:explain", json={"instances": [instance]})
    return visit, path_of(tree, reply.json()["explanations"][0][0]["leaf"])


def test_large_tree_shows_the_path_and_folds_the_rest(shown, tree):
    visit, path = shown
    assert sorted(lit(visit.page)) == sorted(path)
    siblings = {tree[at][side] for at in path[:-1] for side in ("left", "right")}
    assert set(drawn(visit.page)) == set(path) | siblings
    folded = visit.page.locator(".tree .folded")
    assert folded.count() == sum("left" in tree[n] for n in siblings - set(path))
    hidden = folded.evaluate_all(
        "nodes => nodes.map(node => /(\\d+) leaves/.exec(node.textContent)[1])"
    )
    open_leaves = sum("left" not in tree[n] for n in drawn(visit.page))
    assert sum(map(int, hidden)) + open_leaves == LEAVES


def test_all_can_be_unfolded_and_folded_again(shown, tree):
    visit, path = shown
    visit.page.get_by_role("button", name="Unfold all").click()
    assert set(drawn(visit.page)) == set(tree)
    assert sorted(lit(visit.page)) == sorted(path)
    visit.page.get_by_role("button", name="Fold", exact=True).click()
    assert len(drawn(visit.page)) < len(tree) / 2


def in_sight(page, node):
    box = page.locator(f".tree [data-node='{node}']").bounding_box()
    frame = page.locator(".drawing").bounding_box()
    return (
        frame["x"] <= box["x"] <= frame["x"] + frame["width"]
        and frame["y"] <= box["y"] <= frame["y"] + frame["height"]
    )


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_answer_stays_in_sight_when_all_is_unfolded_and_folded(
    open_visit, server, size
):
    visit = open_visit(server, size)
    visit.open(model="large", example=5)
    leaf = visit.page.locator(".tree .leaf.taken").get_attribute("data-node")
    for name in ("Unfold all", "Fold"):
        visit.page.get_by_role("button", name=name, exact=True).click()
        assert in_sight(visit.page, leaf), name


def test_root_is_in_sight_where_no_input_is(open_visit, server):
    visit = open_visit(server, "phone")
    visit.open(model="large", view="model")
    assert in_sight(visit.page, 0)
    visit.page.get_by_role("button", name="Unfold all").click()
    assert in_sight(visit.page, 0)


def test_boxes_do_not_overlap(shown):
    visit, _ = shown
    visit.page.get_by_role("button", name="Unfold all").click()
    boxes = visit.page.locator(".tree .node > rect:not([class])").evaluate_all(
        "rects => rects.map(r => ['x', 'y', 'width', 'height']"
        ".map(name => Number(r.getAttribute(name))))"
    )
    assert len(boxes) == 2 * LEAVES - 1
    for i, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[:i]:
            apart_x = x >= left + wide or left >= x + width
            apart_y = y >= top + high or top >= y + height
            assert apart_x or apart_y


def test_click_opens_a_folded_branch(shown):
    visit, _ = shown
    before = len(drawn(visit.page))
    folded = visit.page.locator(".tree .folded").first
    assert folded.get_attribute("aria-expanded") == "false"
    node = folded.get_attribute("data-node")
    folded.click()
    opened = visit.page.locator(f".tree [data-node='{node}']")
    assert opened.get_attribute("aria-expanded") == "true"
    assert len(drawn(visit.page)) > before
    opened.click()
    assert len(drawn(visit.page)) == before


def focused(page):
    return page.evaluate("Number(document.activeElement.dataset.node)")


def test_keyboard_walks_and_folds(shown, tree):
    visit, path = shown
    page = visit.page
    page.get_by_role("button", name="Fold", exact=True).focus()
    page.keyboard.press("Tab")
    assert focused(page) == path[-1]  # the drawing is entered at the answer
    page.keyboard.press("ArrowLeft")
    assert focused(page) == path[-2]
    page.keyboard.press("Home")
    assert focused(page) == 0
    page.keyboard.press("ArrowRight")
    assert focused(page) == tree[0]["left"]
    page.keyboard.press("ArrowDown")
    assert focused(page) == tree[0]["right"]
    page.keyboard.press("ArrowUp")
    assert focused(page) == tree[0]["left"]
    before = len(drawn(page))
    page.keyboard.press("Enter")
    assert len(drawn(page)) != before
    assert focused(page) == tree[0]["left"]
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    assert focused(page) in drawn(page)
    page.keyboard.press("Tab")  # one stop for the whole drawing
    assert page.evaluate("document.activeElement.closest('.drawing')") is None


def test_browser_keeps_its_own_keys(shown):
    visit, path = shown
    visit.page.locator(".tree [tabindex='0']").focus()
    for key in ("Alt+ArrowLeft", "Control+ArrowLeft", "Meta+ArrowLeft", "Control+Home"):
        taken = visit.page.locator(".tree [tabindex='0']").evaluate(
            """(node, key) => {
                const [modifier, name] = key.split("+");
                const flag = {Alt: "altKey", Control: "ctrlKey", Meta: "metaKey"};
                const init = {key: name, bubbles: true, cancelable: true};
                init[flag[modifier]] = true;
                return !node.dispatchEvent(new KeyboardEvent("keydown", init));
            }""",
            key,
        )
        assert not taken, key
        assert focused(visit.page) == path[-1]


def test_zoom_changes_the_size_and_not_the_page(shown):
    visit, _ = shown
    svg = visit.page.locator(".drawing svg")
    before = svg.bounding_box()["width"]
    visit.page.get_by_role("button", name="Larger").click()
    visit.page.get_by_role("button", name="Larger").click()
    assert svg.bounding_box()["width"] > 1.2 * before
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visit.page.evaluate(wide) == 0  # the drawing scrolls, not the page
    for _ in range(9):
        visit.page.get_by_role("button", name="Smaller").click()
    assert svg.bounding_box()["width"] < before


def test_text_stays_readable_however_large_the_tree(shown):
    visit, _ = shown
    visit.page.get_by_role("button", name="Unfold all").click()
    heights = visit.page.locator(".drawing text").evaluate_all(
        "texts => texts.map(text => text.getBoundingClientRect().height)"
    )
    assert min(heights) > 9


def test_screen_reader_hears_what_is_drawn(shown, tree):
    visit, path = shown
    expect(visit.page.get_by_role("tree", name="Decision tree")).to_be_visible()
    for node in path:
        item = visit.page.locator(f".tree [data-node='{node}']")
        assert "on the path taken" in item.get_attribute("aria-label")
        assert item.get_attribute("aria-level") == str(tree[node]["depth"] + 1)
        if "condition" in tree[node]:
            asked = in_words(tree[node]["condition"])  # not in seventeen digits
            assert item.get_attribute("aria-label").startswith(f"{asked}?, ")
    label = visit.page.locator(f".tree [data-node='{path[-1]}']")
    assert tree[path[-1]]["label"] in label.get_attribute("aria-label")
