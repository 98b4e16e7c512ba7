"""Charts of prototypes: each number where it belongs, real rows beside it."""

import numpy as np
import pytest

from explainers.manifest import TreeFeature
from trainer.visualize.prototype_charts import draw_row, draw_sequence

COLUMNS = [
    TreeFeature(
        name=name, source=i, minimum=low, maximum=high, mean=mean, spread=spread
    )
    for i, (name, low, high, mean, spread) in enumerate(
        [("a", 0.0, 10.0, 4.0, 2.0), ("b", -1.0, 1.0, 0.0, 0.5)]
    )
]


def test_a_row_is_drawn_in_training_deviations_farthest_first():
    row, best, worst = np.array([[5.0, 1.0], [8.0, 0.5], [0.0, -0.5]])
    spec = draw_row("t", "s", COLUMNS, row, (best, worst))
    b, a = spec["data"][0]["values"]
    assert (a["name"], a["z"], a["low"], a["high"]) == ("a", 0.5, -2, 3)
    assert (a["best"], a["worst"]) == (2, -2)
    assert (b["name"], b["z"], b["best"], b["worst"]) == ("b", 2, 1, -1)


@pytest.mark.parametrize("shown", [True, False])
def test_a_sequence_spans_the_training_range_beside_real_ones(shown):
    values, best, worst = np.random.default_rng(0).uniform(0.4, 0.6, (3, 7, 2))
    ranges = [("a", 0.0, 1.0), ("b", -2.0, 2.0)]
    ends = (best, worst) if shown else None
    panels = draw_sequence("t", "s", ranges, values, ends)["marks"]
    for i, panel in enumerate(panels):
        (scale,) = panel["scales"]
        assert scale["domain"] == list(ranges[i][1:])
        drawn = [[p["value"] for p in line["values"]] for line in panel["data"]]
        expected = (worst, best, values) if shown else (values,)  # the last on top
        np.testing.assert_array_equal(drawn, [row[:, i] for row in expected])
        assert len(panel["marks"]) == len(expected)
