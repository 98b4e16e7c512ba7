"""The report: whole, self-contained, and true to the bundle."""

import dataclasses
import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from explainers.manifest import FrontierPoint
from trainer.config import parse_config
from trainer.pipeline import train
from trainer.report.evidence import gather
from trainer.report.figures import inline
from trainer.report.page import table
from trainer.report.sections import disagreement
from trainer.report.write import MOST_CLASSES, _few, write_report

VOID = {"meta", "br", "path", "use", "rect", "circle", "line"}


class Outline(HTMLParser):
    """Collects tags, attributes and headings; checks that tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.attributes, self.headings, self.tags = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def bananas():
    config = parse_config(
        {
            "name": "bananas",
            "data": {"named": "bananas"},
            "train": {"epochs": 3},
            "tree": {"max_leaves": 8},
        }
    )
    return train(config, controls=False)


def test_everything_is_there_and_nothing_is_asked_from_elsewhere(cancer_trained):
    page = write_report(cancer_trained).decode()
    outline = Outline(page)
    assert outline.open == []
    assert outline.headings == [
        "How far it can be trusted", "The tree", "Leaf by leaf",
        "Do the probabilities hold?", "Tree against network", "Where they differ",
        "Training",
    ]  # fmt: skip
    assert not {"script", "img", "link", "iframe", "object"} & set(outline.tags)
    for name, value in outline.attributes:
        assert not name.startswith("on")
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#")
        assert "url(" not in (value or "") or "url(#" in value
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_figures_are_those_of_the_bundle(cancer_trained):
    page = write_report(cancer_trained).decode()
    tree = cancer_trained.metrics.tree
    assert f"{tree.fidelity.value:.3f} ({tree.fidelity.low:.3f}" in page
    test = cancer_trained.prepared.split.test
    agreed = round(tree.fidelity.value * len(test))
    rows = re.findall(r"(\d+) of (\d+)</td>", page)
    assert sum(int(a) for a, _ in rows) == agreed
    assert sum(int(n) for _, n in rows) == len(test)


def test_two_numbers_get_their_decision_regions(bananas):
    assert "Decision regions" in Outline(write_report(bananas).decode()).headings


def test_a_sweep_adds_the_frontier_and_its_notes(bananas):
    metrics = bananas.metrics
    points = tuple(
        FrontierPoint(
            kind=kind,
            strength=0.02,
            seed=0,
            network=metrics.network,
            tree=metrics.tree,
        )
        for kind in ("regularized", "posthoc", "projected", "cart")
    )
    swept = dataclasses.replace(
        bananas,
        metrics=msgspec.structs.replace(metrics, frontier=points),
        notes=("Suggested because <b> & so.",),
    )
    page = write_report(swept).decode()
    assert "The frontier" in Outline(page).headings
    assert "Suggested because &lt;b&gt; &amp; so." in page


@pytest.mark.parametrize("width", [390, 1100])
def test_a_browser_shows_it_without_moving_the_page_sideways(bananas, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.set_content(write_report(bananas).decode())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("svg:visible").count() == page.locator("svg").count() > 3
    assert said == []
    page.close()


def test_of_many_classes_it_says_how_many_more_there_are():
    names = tuple(f"class {i}" for i in range(MOST_CLASSES + 2))
    assert _few(names[:-2]) == ", ".join(names[:-2])
    assert _few(names) == ", ".join(names[:-2]) + " and 2 more classes"


def test_names_are_text_and_never_markup():
    found = table(["<i>"], [["a & b", "1"]], [1])
    assert "&lt;i&gt;" in found
    assert "a &amp; b" in found
    assert "class=number" in found


def test_the_same_model_gives_the_same_bytes(bananas):
    assert write_report(bananas) == write_report(bananas)


def test_inline_styles_become_attributes():
    svg = inline(
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><metadata>x'
        '</metadata><text style="font: italic 700 9px sans-serif; fill: #222222">'
        "a</text></svg>",
        'A "title"',
    )
    assert "style=" not in svg
    assert 'font-size="9px"' in svg
    assert 'font-weight="700"' in svg
    assert 'fill="#222222"' in svg
    assert "aria-label=\"A 'title'\"" in svg
    assert "metadata" not in svg


def test_a_model_that_is_always_right_says_so(bananas):
    prepared = bananas.prepared
    evidence = gather(bananas)
    perfect = np.eye(2, dtype=np.float32)[evidence.tree_answers]
    agreed = dataclasses.replace(evidence, probabilities=perfect)
    text = disagreement(bananas, agreed)
    assert f"On none of {len(prepared.split.test)} test rows" in text
