"""What the frontier shows, read from its SVG: its text is text."""

import re

import pytest

from explainers.manifest import FrontierPoint
from tests.trainer.sweep.points import measured
from trainer.report.plots import KINDS, plot_frontier

PANELS = ["AUC", "accuracy", "accuracy of the tree", "fidelity", "balanced fidelity"]


def frontier(network=None):
    made = measured(0.9, 0.95, 2.0)
    return [
        FrontierPoint(
            kind=kind,
            strength=strength,
            seed=seed,
            network=made.network if network is None else network(made.network),
            tree=made.tree,
        )
        for kind in KINDS
        for strength in (0.01, 0.1)
        for seed in (0, 1)
    ]


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_every_quality_is_drawn_against_path_length_and_leaves():
    said = texts(plot_frontier(frontier(), (0.1, 1)))
    for panel in PANELS:
        assert said.count(panel) == 1
    assert said.count("average path length (decisions)") == said.count("leaves") == 1
    assert [label for label, _, _ in KINDS.values() if label in said] == [
        label for label, _, _ in KINDS.values()
    ]
    assert said.count("suggested: strength 0.1") == 1
    weights = texts(plot_frontier(frontier(), (0.1, 1), "weight"))
    assert weights.count("suggested: weight 0.1") == 1


def test_every_kind_has_its_marks_in_every_panel():
    """Twice the runs, twice the marks; each panel draws each run once."""
    points = frontier()
    marks = [
        plot_frontier(some, (9.0, 9)).count("<use") for some in (points, points * 2)
    ]
    assert marks[1] - marks[0] == len(points) * len(PANELS) * 2


@pytest.mark.parametrize("lacking", [True, False])
def test_an_auc_that_is_undefined_is_no_panel(lacking):
    def network(figures):
        return {k: v for k, v in figures.items() if not (lacking and k == "auc")}

    assert ("AUC" in texts(plot_frontier(frontier(network), (0.1, 1)))) is not lacking
