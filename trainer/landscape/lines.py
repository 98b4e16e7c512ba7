"""Vega specifications of lines: quantities along one direction, a colour a network."""

from collections.abc import Sequence
from typing import Any

from trainer.charts import CONFIG, FAINT, INK, SERIES
from trainer.landscape.contours import SIDE
from trainer.landscape.document import LineRecord

TRAIN, TEST = "training rows", "test rows"
PANELS = (
    ("Loss", {"train_loss": TRAIN, "test_loss": TEST}),
    ("Accuracy", {"train_accuracy": TRAIN, "test_accuracy": TEST}),
    ("Fidelity of the tree distilled there", {"fidelity": TEST}),
    ("Its average path length", {"average_path_length": TRAIN}),
)
"""What is drawn side by side, and on which rows each quantity was measured."""
_HEIGHT, _STEP = 180, SIDE + 55


def draw_lines(lines: Sequence[LineRecord], title: str) -> dict[str, Any]:
    """Return a specification: a colour a network, test rows dashed."""
    return {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "width": len(PANELS) * _STEP - 55,
        "height": _HEIGHT,
        "padding": 12,
        "config": CONFIG,
        "title": {"text": title, "anchor": "start", "offset": 18, "fontSize": 15},
        "scales": [
            {
                "name": "network",
                "type": "ordinal",
                "domain": [line.network for line in lines],
                "range": list(SERIES),
            },
            {
                "name": "rows",
                "type": "ordinal",
                "domain": [TRAIN, TEST],
                "range": [[1, 0], [4, 3]],
            },
        ],
        "legends": [
            {"stroke": "network", "symbolType": "stroke", "orient": "right"},
            {
                "strokeDash": "rows",
                "symbolType": "stroke",
                "symbolStrokeColor": INK,
                "orient": "right",
            },
        ],
        "marks": [
            _panel(lines, label, quantities, i * _STEP)
            for i, (label, quantities) in enumerate(PANELS)
        ],
    }


def _panel(
    lines: Sequence[LineRecord], label: str, quantities: dict[str, str], left: int
) -> dict[str, Any]:
    points = [
        (line.network, rows, alpha, value)
        for line in lines
        for name, rows in quantities.items()
        for alpha, value in zip(line.alpha, line.values.get(name, ()), strict=False)
        if value is not None
    ]
    names = ("network", "rows", "alpha", "value")
    # A logarithm spreads what is near 0 where most losses are, and has no 0.
    logarithmic = label == "Loss" and all(point[3] > 0 for point in points)
    return {
        "type": "group",
        "encode": {
            "enter": {
                "x": {"value": left},
                "width": {"value": SIDE},
                "height": {"value": _HEIGHT},
            }
        },
        "data": [
            {
                "name": "points",
                "values": [dict(zip(names, point, strict=True)) for point in points],
            }
        ],
        "scales": [
            {
                "name": "x",
                "type": "linear",
                "domain": {"data": "points", "field": "alpha"},
                "range": [0, SIDE],
            },
            {
                "name": "y",
                "type": "log" if logarithmic else "linear",
                "domain": {"data": "points", "field": "value"},
                "range": [_HEIGHT, 0],
                "nice": not logarithmic,
                "zero": False,
            },
        ],
        "axes": [
            {"orient": "bottom", "scale": "x", "tickCount": 5, "title": "filter norms"},
            {"orient": "left", "scale": "y", "tickCount": 4},
        ],
        "title": {
            "text": label,
            "frame": "group",
            "fontSize": 12,
            "fontWeight": "normal",
            "color": INK,
        },
        "marks": [_centre(), _lines()],
    }


def _centre() -> dict[str, Any]:
    """Return a faint vertical where the network itself stands."""
    return {
        "type": "rule",
        "encode": {
            "enter": {
                "x": {"scale": "x", "value": 0},
                "y": {"value": 0},
                "y2": {"value": _HEIGHT},
                "stroke": {"value": FAINT},
                "strokeDash": {"value": [2, 2]},
            }
        },
    }


def _lines() -> dict[str, Any]:
    facet = {"name": "one", "data": "points", "groupby": ["network", "rows"]}
    return {
        "type": "group",
        "from": {"facet": facet},
        "marks": [
            {
                "type": "line",
                "from": {"data": "one"},
                "encode": {
                    "enter": {
                        "x": {"scale": "x", "field": "alpha"},
                        "y": {"scale": "y", "field": "value"},
                        "stroke": {"scale": "network", "field": "network"},
                        "strokeDash": {"scale": "rows", "field": "rows"},
                        "strokeWidth": {"value": 1.8},
                    }
                },
            }
        ],
    }
