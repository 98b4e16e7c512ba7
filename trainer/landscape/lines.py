"""Vega specifications of lines: quantities along one direction, a colour a network."""

from collections.abc import Sequence
from typing import Any

from trainer.charts import CONFIG, INK, SERIES
from trainer.landscape.contours import PANELS, SIDE
from trainer.landscape.document import LineRecord


def draw_lines(lines: Sequence[LineRecord], title: str) -> dict[str, Any]:
    """Return a specification: loss and tree along one direction, a colour a network."""
    shown = [
        (name, label)
        for name, label in PANELS
        if all(name in line.values for line in lines)
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "width": len(shown) * (SIDE + 55) - 55,
        "height": 180,
        "padding": 12,
        "config": CONFIG,
        "title": {"text": title, "anchor": "start", "offset": 18, "fontSize": 15},
        "scales": [
            {
                "name": "network",
                "type": "ordinal",
                "domain": [line.network for line in lines],
                "range": list(SERIES),
            }
        ],
        "legends": [{"stroke": "network", "symbolType": "stroke", "orient": "right"}],
        "marks": [
            _line_panel(lines, name, label, i * (SIDE + 55))
            for i, (name, label) in enumerate(shown)
        ],
    }


def _line_panel(
    lines: Sequence[LineRecord], name: str, label: str, left: int
) -> dict[str, Any]:
    values = [
        {"network": line.network, "alpha": a, "value": v}
        for line in lines
        for a, v in zip(line.alpha, line.values[name], strict=True)
        if v is not None
    ]
    logarithmic = name.endswith("loss") and min(float(v["value"]) for v in values) > 0  # type: ignore[arg-type]
    return {
        "type": "group",
        "encode": {
            "enter": {
                "x": {"value": left},
                "width": {"value": SIDE},
                "height": {"value": 180},
            }
        },
        "data": [{"name": "points", "values": values}],
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
                "range": [180, 0],
                "nice": True,
                "zero": False,
            },
        ],
        "axes": [
            {"orient": "bottom", "scale": "x", "tickCount": 5, "title": "filter norms"},
            {"orient": "left", "scale": "y", "tickCount": 4},
        ],
        "title": {"text": label, "fontSize": 12, "fontWeight": "normal", "color": INK},
        "marks": [
            {
                "type": "group",
                "from": {
                    "facet": {"name": "one", "data": "points", "groupby": "network"}
                },
                "marks": [
                    {
                        "type": "line",
                        "from": {"data": "one"},
                        "encode": {
                            "enter": {
                                "x": {"scale": "x", "field": "alpha"},
                                "y": {"scale": "y", "field": "value"},
                                "stroke": {"scale": "network", "field": "network"},
                                "strokeWidth": {"value": 1.8},
                            }
                        },
                    }
                ],
            }
        ],
    }
