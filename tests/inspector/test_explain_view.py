"""What a reader is told of one input: by example, by form, by file, by link."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.api.small_bundles import fit_cancer
from tests.inspector.conftest import in_words

CANCER = "/v1/models/breast-cancer"


@pytest.fixture
def instance(server):
    return server.get(f"{CANCER}/examples/3").json()["instance"]


def ask(server, instance, *explanations, model="breast-cancer"):
    """What the API answers: the page must say the same."""
    body = {"instances": [instance], "explanations": list(explanations)}
    reply = server.post(f"/v1/models/{model}:explain", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"][0], reply.json()["explanations"][0]


def lit_nodes(page):
    lit = page.locator(".tree .node.taken")
    return {int(node.get_attribute("data-node")) for node in lit.all()}


def test_every_model_can_be_chosen(visit, server):
    visit.open()
    chooser = visit.field("Model")
    for name in server.get("/v1/models").json()["models"]:
        chooser.select_option(name)
        expect(visit.page).to_have_title(f"{name}: Leafpath inspector")
        visit.settle()
        assert f"model={name}" in visit.page.url


def test_example_is_answered_with_probability_rule_and_fidelity(
    visit, server, instance
):
    visit.open(model="breast-cancer")
    visit.field("Example").select_option("3")
    visit.settle()
    prediction, (path,) = ask(server, instance, "tree_path")
    answer = visit.card("The network’s answer")
    expect(answer).to_contain_text(prediction["label"])
    expect(answer).to_contain_text("differed by 2.1 points on average")
    tree = visit.card("Does the tree speak for it?")
    expect(tree).to_contain_text("The tree gives the same answer as the network here.")
    for step in path["path"]:
        expect(tree).to_contain_text(step["name"])
    expect(tree).to_contain_text(f"{round(100 * path['fidelity'], 1):g}\u00a0%")
    expect(tree).to_contain_text(f"{path['support']} training rows ended here.")
    assert visit.field("mean radius").input_value() == f"{instance[0]:g}"


def test_region_of_the_input_is_named_and_each_has_its_tree(visit, server, instance):
    tree = server.get(f"{CANCER}/tree").json()
    _, (path,) = ask(server, instance, "tree_path")
    own = next(each for each in tree["regions"] if each["name"] == path["region"])
    (other,) = (each for each in tree["regions"] if each is not own)
    visit.open(model="breast-cancer", example=3)
    card = visit.card("Does the tree speak for it?")
    named = in_words(own["name"])
    expect(card).to_contain_text(f"in the region “{named}”")
    whole = lit_nodes(visit.page)
    assert tree["nodes"][0]["id"] in whole
    for region in (own, other):
        card.get_by_label("Region").select_option(region["name"])
        part = server.get(f"{CANCER}/tree", params={"region": region["name"]}).json()
        ids = {node["id"] for node in part["nodes"]}
        drawn = visit.page.get_by_role("treeitem")
        assert {int(node.get_attribute("data-node")) for node in drawn.all()} == ids
        assert lit_nodes(visit.page) == whole & ids
        visit.page.locator(".tree [tabindex='0']").press("Home")
        expect(drawn.first).to_be_focused()
    assert whole & ids == set()
    about = card.locator("[aria-live]")
    expect(about).to_contain_text(f"{other['n']} training rows")
    expect(about).to_contain_text(f"This input lies in another region, “{named}”.")
    # The choice stands for the next input, and for who is given the link.
    visit.field("mean texture").fill("21.5")
    visit.page.keyboard.press("Tab")
    visit.settle()
    assert visit.field("Region").input_value() == other["name"]
    link = visit.page.url
    visit.page.goto("about:blank")
    visit.page.goto(link)
    expect(card.get_by_label("Region")).to_have_value(other["name"])
    visit.settle()


def test_path_that_is_lit_is_scikit_learns(visit):
    _, rows, _, fitted, _ = fit_cancer(0)
    for row in (0, 19):
        visit.open(model="breast-cancer", example=row)
        expected = fitted.decision_path(rows[row : row + 1]).indices
        assert lit_nodes(visit.page) == set(expected.tolist())


def test_bars_are_the_attributions_of_the_chosen_method_and_parameters(
    visit, server, instance
):
    visit.open(model="breast-cancer", example=3)
    card = visit.card("What the network looked at")
    card.get_by_label("Method").select_option("SmoothGrad")
    visit.settle()
    card.get_by_text("Parameters").first.click()
    card.get_by_label("Samples").fill("7")
    card.get_by_label("Seed").fill("5")
    card.get_by_role("button", name="Apply").click()
    visit.settle()
    wish = {"method": "smoothgrad", "samples": 7, "seed": 5}
    _, (explanation,) = ask(server, instance, wish)
    card.get_by_role("button", name="Show all 30").click()
    names = server.get(CANCER).json()["inputs"]["features"]
    expected = {
        feature["name"]: value
        for feature, value in zip(names, explanation["attributions"], strict=True)
    }
    rows = card.locator(".bars tbody tr").evaluate_all(
        "rows => rows.map(row => [row.querySelector('th').firstChild.data,"
        " row.querySelector('.number').innerText,"
        " row.querySelector('rect').getAttribute('class')])"
    )
    assert [side for *_, side in rows] == [
        "against" if expected[name] < 0 else "for" for name, *_ in rows
    ]
    shown = {name: float(text.replace("−", "-")) for name, text, _ in rows}
    assert shown == pytest.approx(expected, rel=1e-3)
    sizes = [abs(value) for value in shown.values()]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_typed_is_answered(visit, server, instance):
    visit.open(model="breast-cancer", example=3)
    visit.field("mean concave points").fill("0.01")
    visit.page.keyboard.press("Enter")
    visit.settle()
    names = [f["name"] for f in server.get(CANCER).json()["inputs"]["features"]]
    changed = list(instance)
    changed[names.index("mean concave points")] = 0.01
    prediction, (path,) = ask(server, changed, "tree_path")
    expect(visit.card("The network’s answer")).to_contain_text(prediction["label"])
    assert max(lit_nodes(visit.page)) == path["leaf"]
    assert visit.field("Example").input_value() == ""


def test_each_question_is_asked_once(visit):
    visit.open(model="mixed", input=[61.5, "green"])
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    explain = f"{visit.server.url}/v1/models/mixed:explain"
    visit.field("age years").fill("30")
    visit.page.keyboard.press("Enter")  # the browser tells of a change and submits
    visit.settle()
    assert [url for url in asked if "/v1/" in url] == [explain]
    visit.explain()
    assert [url for url in asked if "/v1/" in url] == [explain] * 2


def test_margin_says_in_which_digits_it_is_one(visit, server, instance):
    visit.open(model="breast-cancer", example=3)
    _, (found,) = ask(server, instance, "counterfactual")
    candidate = found["nearest_that_holds"] or found["nearest"]
    (change, *_) = candidate["changes"]
    card = visit.card("What would change the answer?")
    card.get_by_role("button", name="Try this input").click()
    visit.settle()
    tree = visit.card("Does the tree speak for it?")
    told = tree.get_by_text("The closest decision is").inner_text()
    value, threshold = re.search(r": (\S+) against (\S+),", told).groups()
    assert value != threshold
    assert float(value) == pytest.approx(change["after"], rel=1e-3)
    # As far as it takes to be on the other side.
    assert "under 0.001 standard deviations apart" in told


def test_value_outside_training_is_pointed_out(visit):
    visit.open(model="breast-cancer", example=3)
    field = visit.field("mean radius")
    expect(field.locator("xpath=../small")).not_to_have_class("hint unusual")
    field.fill("99")
    expect(field.locator("xpath=../small")).to_contain_text("outside the")
    visit.page.keyboard.press("Enter")
    warning = visit.card("The network’s answer").locator(".warning")
    expect(warning).to_contain_text("mean radius (99)")
    visit.settle()


def test_counterfactual_says_what_would_change_and_can_be_tried(
    visit, server, instance
):
    visit.open(model="breast-cancer", example=3)
    card = visit.card("What would change the answer?")
    _, (found,) = ask(server, instance, "counterfactual")
    candidate = found["nearest_that_holds"] or found["nearest"]
    expect(card).to_contain_text(f"Would change to {candidate['label']} if")
    for change in candidate["changes"]:
        expect(card).to_contain_text(change["feature"])
    card.get_by_role("button", name="Try this input").click()
    visit.settle()
    assert max(lit_nodes(visit.page)) == candidate["leaf"]
    first = candidate["changes"][0]
    shown = float(visit.field(first["feature"]).input_value())
    assert shown == pytest.approx(first["after"])


def test_counterfactual_keeps_what_must_not_change(visit, server, instance):
    visit.open(model="breast-cancer", example=3)
    card = visit.card("What would change the answer?")
    _, (found,) = ask(server, instance, "counterfactual")
    kept = (found["nearest_that_holds"] or found["nearest"])["changes"][0]["feature"]
    card.get_by_text("Parameters").first.click()
    card.get_by_label("Immutable").select_option(kept)
    card.get_by_role("button", name="Apply").click()
    visit.settle()
    expect(card.locator("ul, p").filter(has_text=f"{kept} went")).to_have_count(0)
    assert "counterfactual=" in visit.page.url


def test_similar_case_can_be_looked_at(visit, server, instance):
    visit.open(model="breast-cancer", example=3)
    _, (found,) = ask(server, instance, {"method": "prototypes", "count": 3})
    card = visit.card("Similar cases")
    (itself, *_) = cases = card.locator("li").all()
    assert len(cases) == 3
    expect(itself).to_contain_text("this very input")
    expect(itself.get_by_role("button")).to_have_count(0)
    cases[1].get_by_role("button", name="Look at it").click()
    visit.settle()
    expected = found["prototypes"][1]["instance"][0]
    assert float(visit.field("mean radius").input_value()) == pytest.approx(expected)


def test_disagreement_is_said_before_the_path(visit, server):
    examples = server.get("/v1/models/large/examples").json()["examples"]
    apart = next(each for each in examples if not each["agrees"])
    visit.open(model="large", example=apart["row"])
    warning = visit.page.get_by_role("alert").filter(has_text="The tree disagrees")
    expect(warning).to_contain_text(f"The network says {apart['label']}")
    expect(warning).to_contain_text(f"the tree {apart['tree_label']}")
    instance = server.get(f"/v1/models/large/examples/{apart['row']}").json()[
        "instance"
    ]
    _, (found,) = ask(server, instance, "integrated_gradients", model="large")
    for ignored in found["disagreement"]["off_path"]:
        expect(visit.card("What the network looked at")).to_contain_text(
            f"{ignored['name']} ("
        )
    group = visit.page.locator("optgroup").first
    assert group.get_attribute("label") == "Where tree and network disagree"


def test_link_shows_the_same_again(visit):
    visit.open(model="breast-cancer", example=3)
    visit.field("mean texture").fill("30.25")
    visit.page.keyboard.press("Enter")
    visit.settle()
    card = visit.card("What the network looked at")
    card.get_by_label("Method").select_option("Tree SHAP")
    visit.settle()
    link, said, path = visit.page.url, visit.answers(), lit_nodes(visit.page)
    visit.page.goto("about:blank")
    visit.page.goto(link)
    visit.page.wait_for_selector("main > *")
    visit.settle()
    assert visit.field("mean texture").input_value() == "30.25"
    assert visit.answers() == said
    assert lit_nodes(visit.page) == path


def test_input_never_reaches_a_server_in_an_address(visit):
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.open(model="mixed", input=[61.5, "green"])
    assert any(url.endswith(":explain") for url in asked)
    assert not any("61.5" in url or "#" in url.split("/", 3)[3] for url in asked[1:])


def test_back_returns_to_the_model_before(visit):
    visit.open(model="mixed")
    visit.field("Model").select_option("large")
    expect(visit.page).to_have_title("large: Leafpath inspector")
    visit.settle()
    visit.page.go_back()
    expect(visit.page).to_have_title("mixed: Leafpath inspector")
    assert visit.field("Model").input_value() == "mixed"
    visit.settle()


@pytest.mark.parametrize("form", ["list", "object", "request"])
def test_json_can_be_pasted(visit, form):
    text = {
        "list": [61.5, "green"],
        "object": {"colour": "green", "age": 61.5},
        "request": {"instances": [[61.5, "green"]]},
    }[form]
    visit.open(model="mixed")
    visit.page.get_by_text("As JSON").click()
    visit.field("Input as JSON").fill(json.dumps(text))
    visit.page.get_by_role("button", name="Use this JSON").click()
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    assert visit.field("age years").input_value() == "61.5"
    assert visit.field("colour").input_value() == "green"


def test_opened_json_field_shows_the_input_and_leaves_alone_what_is_typed_at_once(
    visit,
):
    visit.open(model="mixed")
    visit.field("age years").fill("30")
    opened, typed = visit.page.evaluate("""async () => {
        const area = document.querySelector("details textarea");
        area.closest("details").querySelector("summary").click();
        const opened = area.value;
        area.value = "typed";
        await new Promise((done) => setTimeout(done, 200));
        return [opened, area.value];
    }""")
    assert json.loads(opened) == [30, None]
    assert typed == "typed"


@pytest.mark.parametrize(
    "text",
    [
        "colour,id,age\nred,1,30\ngreen,2,61.5\n",
        "id;age;colour\r\n1;30;red\r\n2;61.5;green\r\n",
        'age\tcolour\n30\tred\n61.5\t"green"',
        "30,red\n61.5,green",
    ],
)
def test_row_of_a_csv_file_can_be_uploaded(visit, text):
    visit.open(model="mixed")
    file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": text.encode()}
    visit.field("CSV file").set_input_files(file)
    visit.settle()
    assert visit.field("age years").input_value() == "30"
    visit.field("Row of the file").fill("2")
    visit.page.keyboard.press("Enter")
    expect(visit.field("age years")).to_have_value("61.5")
    visit.settle()
    assert visit.field("colour").input_value() == "green"


def test_missing_value_may_be_left_empty_where_the_schema_says_so(visit, server):
    visit.open(model="mixed", input=[None, "blue"])
    assert visit.field("age years").input_value() == ""
    prediction, _ = ask(server, [None, "blue"], "tree_path", model="mixed")
    expect(visit.card("The network’s answer")).to_contain_text(prediction["label"])


def test_bundle_without_a_public_tree_shows_the_path_alone(visit, server, instance):
    visit.open(model="path-only", input=instance)
    tree = visit.card("Does the tree speak for it?")
    expect(tree).to_contain_text("does not show the whole tree")
    expect(visit.page.locator(".tree")).to_have_count(0)
    expect(visit.field("Example")).to_have_count(0)
    expect(visit.card("Similar cases")).to_have_count(0)


def test_bundle_that_exposes_predictions_only_gives_those(visit, server, instance):
    visit.open(model="secret", input=instance)
    expect(visit.card("The network’s answer")).to_be_visible()
    expect(visit.page.locator(".answers .card")).to_have_count(1)


def test_sequence_is_a_heat_map_over_its_steps(visit, server):
    visit.open(model="signals", example=2)
    page = server.get("/v1/models/signals/examples/2").json()
    steps = page["instance"]
    _, (explanation,) = ask(server, steps, "integrated_gradients", model="signals")
    cells = visit.page.locator(".heat rect")
    expect(cells).to_have_count(3 * len(steps))
    flat = [value for step in explanation["attributions"] for value in step]
    largest = max(map(abs, flat))
    drawn = cells.evaluate_all(
        "cells => cells.map(cell => Number(cell.getAttribute('fill-opacity'))"
        " * (cell.classList.contains('against') ? -1 : 1))"
    )
    assert drawn == pytest.approx([value / largest for value in flat], abs=6e-4)
    lines = visit.page.get_by_role("textbox", name="Steps").input_value().splitlines()
    assert [[float(v) for v in line.split(",")] for line in lines] == steps


def test_steps_can_be_uploaded_and_edited(visit, server):
    visit.open(model="signals")
    text = "a,b,c\n1,0,0\n2,0,0\n"
    file = {"name": "steps.csv", "mimeType": "text/csv", "buffer": text.encode()}
    visit.field("CSV file").set_input_files(file)
    expect(visit.card("The network’s answer")).to_contain_text("up")
    visit.settle()
    visit.page.get_by_role("textbox", name="Steps").fill("-1, 0, 0\n-2, 0, 0")
    visit.explain()
    expect(visit.card("The network’s answer").locator("strong")).to_have_text("down")


@pytest.mark.parametrize("method", ["Integrated gradients", "Grad-CAM"])
def test_picture_is_overlaid_where_the_evidence_is(visit, method):
    visit.open(model="pictures", example=0)
    card = visit.card("What the network looked at")
    card.get_by_label("Method").select_option(method)
    visit.settle()
    canvas = card.get_by_role("img")
    expect(canvas).to_have_attribute("aria-label", f"{method} drawn over the picture. "
                                     + card.get_by_text("The strongest point")
                                     .inner_text())  # fmt: skip
    colours = """canvas => {
        const {width, height} = canvas;
        const copy = new OffscreenCanvas(width, height).getContext("2d");
        copy.drawImage(canvas, 0, 0);
        const {data} = copy.getImageData(0, 0, width, height);
        let coloured = 0;
        for (let i = 0; i < data.length; i += 4)
            if (Math.abs(data[i] - data[i + 2]) > 24) coloured += 1;
        return coloured / (data.length / 4);
    }"""
    assert canvas.evaluate(colours) > 0.01
    card.get_by_label("Strength of the overlay").fill("0")
    assert canvas.evaluate(colours) == 0


@pytest.mark.parametrize("model", ["signals", "pictures"])
def test_similar_cases_of_every_family_can_be_looked_at(visit, server, model):
    instance = server.get(f"/v1/models/{model}/examples/0").json()["instance"]
    _, (found,) = ask(server, instance, "prototypes", model=model)
    visit.open(model=model, example=0)
    card = visit.card("Similar cases")
    card.get_by_role("button", name="Look at it").last.click()
    visit.settle()
    visit.page.get_by_text("As JSON").click()
    shown = json.loads(visit.field("Input as JSON").input_value())
    assert shown == found["prototypes"][-1]["instance"]


def test_similar_pictures_are_drawn(visit, server):
    instance = server.get("/v1/models/pictures/examples/0").json()["instance"]
    _, (found,) = ask(server, instance, "prototypes", model="pictures")
    visit.open(model="pictures", example=0)
    canvases = visit.card("Similar cases").locator("li canvas")
    assert canvases.count() == len(found["prototypes"]) > 1
    reds = """canvas => [...canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data]
        .filter((_, i) => i % 4 === 0)"""
    for canvas, case in zip(canvases.all(), found["prototypes"], strict=True):
        expected = np.array(case["instance"]).ravel() * 255 / 16
        assert canvas.evaluate(reds) == pytest.approx(expected.tolist(), abs=0.51)


def test_what_a_method_says_of_another_has_its_name_in_words(visit):
    visit.open(model="pictures", example=0, method="layer_cam")
    card = visit.card("What the network looked at")
    expect(card).to_contain_text("fuller than HiResCAM")


def encode_picture(picture, form, **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def upload(visit, content):
    """Give a picture's file, and return the numbers that the page makes of it."""
    # The browser looks into the file, whatever its name says.
    file = {"name": "picture", "mimeType": "image/png", "buffer": content}
    visit.field("Picture (PNG or JPEG)").set_input_files(file)
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()
    visit.page.get_by_text("As JSON").click()
    expect(visit.field("Input as JSON")).not_to_have_value("")
    return json.loads(visit.field("Input as JSON").input_value())


@pytest.mark.parametrize(
    ("model", "mode"), [("pictures", "L"), ("colours", "L"), ("colours", "RGB")]
)
@pytest.mark.parametrize(
    ("form", "options", "levels"),
    # Decoders of JPEG may round the inverse cosine transform differently, and the
    # conversion from YCbCr carries that into each colour.
    [("PNG", {}, 0), ("JPEG", {"quality": 90, "subsampling": 0}, 3)],
)
def test_pixels_of_a_file_are_pillows(
    visit, server, model, mode, form, options, levels
):
    slopes = np.indices((8, 8)).transpose(1, 2, 0) @ [[28, 5, 12], [6, 30, 20]]
    picture = Image.fromarray(slopes.clip(0, 255).astype(np.uint8)).convert(mode)
    content = encode_picture(picture, form, **options)
    channels = "L" if model == "pictures" else "RGB"
    expected = np.asarray(Image.open(io.BytesIO(content)).convert(channels))
    visit.open(model=model)
    pixels = upload(visit, content)
    found = np.array(pixels) * 255 / 16
    np.testing.assert_allclose(found, expected, atol=levels + 0.01)
    prediction, _ = ask(server, pixels, "tree_path", model=model)
    answer = visit.card("The network’s answer").locator("strong")
    expect(answer).to_have_text(prediction["label"])


def test_picture_file_becomes_the_numbers_of_training(visit):
    picture = Image.new("L", (8, 8), 0)
    picture.putpixel((3, 2), 255)
    picture.putpixel((4, 2), 128)
    visit.open(model="pictures")
    pixels = upload(visit, encode_picture(picture, "PNG"))
    assert pixels[2][3] == 16
    assert pixels[2][4] == pytest.approx(16 * 128 / 255, rel=1e-4)
    assert sum(map(sum, pixels)) == pytest.approx(16 * 383 / 255, rel=1e-4)


def test_link_says_when_it_leaves_out_an_input(visit):
    told = visit.page.get_by_text("too long for a link")
    visit.open(model="photos", example=0)
    expect(told).to_be_hidden()
    picture = Image.fromarray(np.arange(40 * 40 * 3, dtype=np.uint8).reshape(40, 40, 3))
    upload(visit, encode_picture(picture, "PNG"))
    expect(told).to_be_visible()
    assert "input=" not in visit.page.url
    assert "example=" not in visit.page.url
    visit.field("Example").select_option("1")
    visit.settle()
    expect(told).to_be_hidden()
    assert "example=1" in visit.page.url


def test_counterfactual_of_a_disagreement_offers_no_change(visit, server):
    instance = server.get("/v1/models/large/examples/0").json()["instance"]
    _, (found,) = ask(server, instance, "counterfactual", model="large")
    assert found["nearest"]["changes"] == []  # the tree says something else already
    visit.open(model="large", example=0)
    card = visit.card("What would change the answer?")
    if found["nearest_that_holds"] is None:
        expect(card).to_contain_text(f"The tree says {found['nearest']['label']} as it")
        expect(card.get_by_role("button", name="Try this input")).to_have_count(0)
    else:
        expect(card.get_by_role("button", name="Try this input")).to_be_visible()


def test_answer_is_in_sight_where_the_tree_does_not_fit(open_visit, server):
    visit = open_visit(server, "phone")
    visit.open(model="large", example=5)
    leaf = visit.page.locator(".tree .leaf.taken").bounding_box()
    frame = visit.page.locator(".drawing").bounding_box()
    assert frame["x"] <= leaf["x"]
    assert leaf["x"] + leaf["width"] <= frame["x"] + frame["width"] + 1


def test_question_of_yes_or_no_is_answered_so(visit):
    visit.open(model="mixed", input=[None, "blue"])
    tree = visit.card("Does the tree speak for it?")
    tree.get_by_text("decisions in order").click()
    expect(tree.locator("ol")).to_contain_text("colour = green: no")
    expect(tree).not_to_contain_text("The closest decision is colour")
    expect(tree.locator(".node.taken").filter(has_text="colour")).to_contain_text(
        "here yes"  # to the question of the drawing: is it not green?
    )
