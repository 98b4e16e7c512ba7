"""What goes wrong is said where it went wrong, in words that help."""

import json
import signal
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from tests.api.processes import start_server


def error_of(visit, name):
    field = visit.field(name)
    ids = field.get_attribute("aria-describedby").split()
    return visit.page.locator(f"#{ids[-1]}")


def test_empty_fields_are_named_before_anything_is_asked(visit):
    visit.open(model="mixed")
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.page.get_by_role("button", name="Explain").click()
    expect(error_of(visit, "colour")).to_have_text("Choose one.")
    expect(visit.field("colour")).to_have_attribute("aria-invalid", "")
    expect(visit.field("colour")).to_be_focused()
    expect(error_of(visit, "age years")).to_have_text("")  # it may be missing
    assert asked == []


def test_servers_refusal_stands_beside_the_field(visit):
    visit.open(model="breast-cancer", example=3)
    visit.field("mean area").fill("1e39")
    visit.page.keyboard.press("Enter")
    expect(error_of(visit, "mean area")).to_contain_text("single-precision")
    expect(visit.field("mean area")).to_be_focused()
    visit.forgive_refusals()
    visit.field("mean area").fill("700")
    expect(error_of(visit, "mean area")).to_have_text("")


def test_parameter_out_of_bounds_is_said_at_the_parameter(visit):
    visit.open(model="breast-cancer", example=3, method="lime")
    card = visit.card("What the network looked at")
    card.get_by_text("Parameters").first.click()
    samples = card.get_by_label("Samples")
    before = card.locator(".bars").inner_text()
    samples.fill("3")
    card.get_by_role("button", name="Apply").click()
    error = samples.locator("xpath=../p")
    expect(error).to_contain_text("50")
    expect(samples).to_have_attribute("aria-invalid", "")
    assert card.locator(".bars").inner_text() == before
    visit.settle()
    visit.forgive_refusals()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, ", "This is not JSON"),
        ("[1]", "It has 1 values; the model takes 2."),
        ('{"age": 1, "color": "red"}', "The model has no input color."),
        ('{"age": 1}', "It lacks colour."),
        ("7", "a list of values, or an object"),
    ],
)
def test_json_that_does_not_fit_is_told_apart(visit, text, told):
    visit.open(model="mixed")
    visit.page.get_by_text("As JSON").click()
    visit.field("Input as JSON").fill(text)
    visit.page.get_by_role("button", name="Use this JSON").click()
    alert = visit.page.get_by_role("alert").filter(has_text=told)
    expect(alert).to_be_visible()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no rows"),
        ("age,shade\n1,red\n", "lacks the columns colour"),
        ("1,red,3\n", "has 3 values; the model takes 2"),
        ("age,colour\n", "no row"),
        ('age,colour\n1,"red\n', "quote"),
        ("age,colour\n1,red\n2\n", "Row 2 has 1 values"),
    ],
)
def test_file_that_does_not_fit_is_told_apart(visit, text, told):
    visit.open(model="mixed")
    file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": text.encode()}
    visit.field("CSV file").set_input_files(file)
    expect(visit.page.get_by_role("alert").filter(has_text=told)).to_be_visible()


def test_category_of_a_file_that_is_none_stands_beside_the_field(visit):
    visit.open(model="mixed")
    file = {"name": "x.csv", "mimeType": "text/csv", "buffer": b"age,colour\n30,pink\n"}
    visit.field("CSV file").set_input_files(file)
    expected = "“pink” is none of these. Choose one."
    expect(error_of(visit, "colour")).to_have_text(expected)
    assert visit.field("colour").evaluate("list => list.selectedIndex") == -1


def test_missing_can_be_chosen_in_place_of_a_category_that_is_none(visit):
    visit.open()
    select = visit.page.evaluate_handle(
        """async (name) => {
          const {createTableInput} = await import(name);
          const colour = {name: "colour", kind: "categorical", missing: "impute",
                          categories: ["red"]};
          window.form = createTableInput({features: [colour]});
          window.form.write(["pink"]);
          document.body.append(window.form.element);
          return window.form.element.querySelector("select");
        }""",
        visit.module("table_input.js"),
    )
    (fault,) = visit.page.evaluate("() => window.form.read().faults")
    assert fault["problem"] == "“pink” is none of these. Choose one."
    select.as_element().press("Home")  # as a person does: a change, or no event at all
    read = visit.page.evaluate("() => window.form.read()")
    assert read == {"instance": [None], "faults": []}


@pytest.mark.parametrize(
    ("how", "text"),
    [("CSV", "age;colour\n1,5;red\n"), ("JSON", '{"age": "1,5", "colour": "red"}')],
)
def test_what_is_no_number_does_not_pass_for_a_missing_one(visit, how, text):
    """The age may be missing, and a field for numbers shows nothing else."""
    visit.open(model="mixed")
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    if how == "CSV":
        file = {"name": "x.csv", "mimeType": "text/csv", "buffer": text.encode()}
        visit.field("CSV file").set_input_files(file)
    else:
        visit.page.get_by_text("As JSON").click()
        visit.field("Input as JSON").fill(text)
        visit.page.get_by_role("button", name="Use this JSON").click()
    expect(error_of(visit, "age years")).to_have_text("“1,5” is not a number.")
    visit.page.get_by_role("button", name="Explain").click()
    expect(visit.field("age years")).to_be_focused()
    assert asked == []
    visit.field("age years").fill("1.5")
    visit.explain()
    expect(visit.card("The network’s answer")).to_be_visible()


def test_changed_file_of_the_same_name_can_be_chosen_again(visit):
    """A browser tells of no change where the same name is chosen."""
    for model, name in (("mixed", "CSV file"), ("pictures", "Picture (PNG or JPEG)")):
        visit.open(model=model)
        field = visit.field(name)
        field.set_input_files({"name": "x", "mimeType": "x/x", "buffer": b"1,2,3"})
        expect(field).not_to_have_value("")
        with visit.page.expect_file_chooser():
            field.click()
        expect(field).to_have_value("")


def test_file_that_is_no_picture_is_refused(visit):
    visit.open(model="pictures")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"}
    visit.field("Picture (PNG or JPEG)").set_input_files(file)
    alert = visit.page.get_by_role("alert").filter(has_text="no picture that a browser")
    expect(alert).to_be_visible()


def test_step_that_does_not_fit_is_numbered(visit):
    visit.open(model="signals")
    steps = visit.page.get_by_role("textbox", name="Steps")
    steps.fill("1, 2, 3\n1, x, 3")
    visit.page.get_by_role("button", name="Explain").click()
    expect(visit.page.locator("#steps-error")).to_contain_text("Step 2")
    visit.settle()
    visit.forgive_refusals()


def test_model_that_is_not_served_is_said(visit):
    visit.open(model="gone")
    expect(visit.page.get_by_role("status")).to_contain_text("No model gone is served")


@pytest.mark.parametrize("words", ["%", "model=mixed&input=[1", "example=x", "&&=="])
def test_broken_links_open_the_page(visit, words):
    visit.page.goto(f"{visit.server.url}/#{words}")
    visit.page.wait_for_selector("main form")
    visit.settle()


def test_name_of_a_class_is_text_and_never_markup(visit, server):
    """The page says `<img>` where a reply does: nothing of it is parsed."""
    evil = '<img src=x onerror="document.title=1">'
    visit.page.route(
        "**/v1/models/mixed",
        lambda route: route.fulfill(
            body=json.dumps(
                server.get("/v1/models/mixed").json() | {"classes": [evil, "young"]}
            )
        ),
    )
    visit.open(model="mixed", input=[70, "green"])
    expect(visit.card("The network’s answer")).to_contain_text(evil)
    assert visit.page.locator("main img").count() == 0


def test_server_that_is_gone_is_said(open_visit, bundles, tmp_path):
    server = start_server(tmp_path, bundles, workers=1)
    visit = open_visit(server)
    visit.open(model="mixed", input=[61.5, "green"])
    server.signal(signal.SIGTERM)
    server.stop()
    visit.field("age years").fill("30")
    visit.page.keyboard.press("Enter")
    alert = visit.page.get_by_role("alert").filter(has_text="cannot be reached")
    expect(alert).to_be_visible()
    visit.complaints.clear()  # the browser says that the connection was refused


def test_page_says_that_it_waits_for_the_models(visit):
    held = hold(visit, "**/v1/models")
    visit.page.goto(f"{visit.server.url}/#model=mixed")
    wait_for_one(visit, held)
    status = visit.page.get_by_role("status")
    expect(status).to_have_text("Loading the list of models.")
    release(visit, held[0])
    visit.settle()
    expect(visit.field("colour")).to_be_visible()


def test_model_that_does_not_load_can_be_tried_again(visit):
    visit.open(model="mixed")
    visit.page.context.set_offline(True)
    try:
        visit.field("Model").select_option("signals")
        alert = visit.page.get_by_role("alert").filter(has_text="cannot be reached")
        expect(alert).to_be_visible()
    finally:
        visit.page.context.set_offline(False)
    alert.get_by_role("button", name="Try again").click()
    expect(visit.page.get_by_role("textbox", name="Steps")).to_be_visible()
    visit.settle()
    assert all("INTERNET_DISCONNECTED" in each for each in visit.complaints)
    visit.complaints.clear()


def test_server_without_models_can_be_asked_again(visit):
    nothing = json.dumps({"models": [], "details": []})
    visit.page.route("**/v1/models", lambda route: route.fulfill(body=nothing))
    visit.open(model="mixed", input=[61.5, "green"])
    alert = visit.page.get_by_role("alert").filter(has_text="No model is served yet")
    expect(alert).to_be_visible()
    visit.page.unroute_all()
    alert.get_by_role("button", name="Try again").click()
    expect(visit.card("The network’s answer")).to_be_visible()
    visit.settle()


def test_answer_to_another_input_does_not_stand_beside_this_one(visit):
    visit.open(model="mixed", input=[61.5, "green"])
    answer = visit.card("The network’s answer")
    expect(answer.locator(".answer")).to_be_visible()
    visit.field("colour").select_option("")
    expect(answer.locator(".answer")).to_have_count(0)
    expect(visit.page.locator(".tree")).to_have_count(0)
    visit.field("colour").select_option("red")
    expect(answer.locator(".answer")).to_be_visible()
    visit.settle()


def test_late_answer_does_not_replace_a_newer_one(visit, server):
    visit.open(model="mixed", input=[61.5, "green"])
    held = []
    visit.page.route("**/*:explain", lambda route: held.append(route))
    visit.field("age years").fill("20")
    visit.page.keyboard.press("Tab")
    card = visit.card("What the network looked at")
    card.get_by_label("Method").select_option("Gradient")
    while len(held) < 2:
        visit.page.wait_for_timeout(20)
    for route in reversed(held):  # the first request is answered last
        route.continue_()
        visit.page.wait_for_timeout(200)
    visit.settle()
    body = {"instances": [[20, "green"]]}
    (said,) = server.post("/v1/models/mixed:predict", json=body).json()["predictions"]
    answer = visit.card("The network’s answer").locator(".answer")
    expect(answer).to_contain_text(said["label"])
    assert f"input={json.dumps([20, 'green'])}".replace(" ", "") in unquote(
        visit.page.url
    )
    assert "method=gradient" in visit.page.url


def test_bad_parameter_of_a_link_is_said_at_the_parameter(visit):
    visit.open(
        model="mixed", input=[20, "red"], method="lime", parameters={"samples": 1}
    )
    samples = visit.card("What the network looked at").get_by_label("Samples")
    expect(samples).to_have_attribute("aria-invalid", "")
    expect(samples).to_be_visible()
    visit.forgive_refusals()
    samples.fill("60")
    visit.page.keyboard.press("Enter")
    visit.settle()


def hold(visit, pattern):
    """Keep requests back; returns their routes, to be let go later."""
    held = []
    visit.page.route(pattern, lambda route: held.append(route))
    return held


def release(visit, route):
    """Let a request go, and give the page the time to act upon its answer."""
    with visit.page.expect_event("requestfinished"):
        route.continue_()
    visit.page.wait_for_timeout(200)


def wait_for_one(visit, held):
    while not held:
        visit.page.wait_for_timeout(20)


def test_model_that_loads_late_does_not_replace_the_one_chosen_after(visit):
    visit.open(model="mixed")
    held = hold(visit, "**/v1/models/large/examples")
    visit.field("Model").select_option("large")
    wait_for_one(visit, held)
    visit.field("Model").select_option("signals")
    expect(visit.page).to_have_title("signals: Leafpath inspector")
    release(visit, held[0])
    expect(visit.page).to_have_title("signals: Leafpath inspector")
    expect(visit.page.get_by_role("textbox", name="Steps")).to_be_visible()
    visit.settle()


def test_model_that_fails_late_does_not_replace_the_one_chosen_after(visit):
    visit.open(model="mixed")
    held = hold(visit, "**/v1/models/large/examples")
    visit.field("Model").select_option("large")
    wait_for_one(visit, held)
    visit.field("Model").select_option("signals")
    expect(visit.page).to_have_title("signals: Leafpath inspector")
    with visit.page.expect_event("requestfailed"):
        held[0].abort()
    visit.page.wait_for_timeout(200)
    expect(visit.page.get_by_role("textbox", name="Steps")).to_be_visible()
    assert all("ERR_FAILED" in each for each in visit.complaints)
    visit.complaints.clear()


def test_late_answer_of_a_view_that_is_gone_changes_nothing(visit):
    visit.open(model="mixed", input=[61.5, "green"])
    held = hold(visit, "**/*:explain")
    visit.field("age years").fill("20")
    visit.page.keyboard.press("Tab")
    wait_for_one(visit, held)
    visit.field("Model").select_option("large")
    expect(visit.page).to_have_title("large: Leafpath inspector")
    visit.settle()
    address = visit.page.url
    release(visit, held[0])
    assert visit.page.url == address
    expect(visit.page.get_by_role("status")).to_have_text("")


def test_document_that_does_not_come_says_why(visit):
    visit.open(model="breast-cancer", view="model")
    visit.page.context.set_offline(True)
    try:
        card = visit.card("Loss landscape")
        card.get_by_text("More views of the landscape").click()
        expect(card.locator("figure .error")).to_have_count(2)
        expect(card.locator("figure img")).to_have_count(0)
        expect(card.locator("figure .error").first).to_contain_text("cannot be reached")
        visit.page.get_by_role("button", name="Save the report").click()
        alert = visit.card("Report").get_by_role("alert")
        expect(alert).to_contain_text("cannot be reached")
    finally:
        visit.page.context.set_offline(False)
    with visit.page.expect_download():
        visit.page.get_by_role("button", name="Save the report").click()
    expect(visit.card("Report").locator(".error")).to_have_text("")
    assert all("INTERNET_DISCONNECTED" in each for each in visit.complaints)
    visit.complaints.clear()
