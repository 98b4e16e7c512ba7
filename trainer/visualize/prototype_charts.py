"""Vega specifications of prototypes: bars for a row, lines for a sequence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainers.arrays import Floats
from explainers.manifest import TreeFeature
from trainer.charts import CONFIG, FAINT, SERIES

SHOWN = 15
"""Columns of a chart: those where the prototype is farthest from the mean."""
_SCHEMA = "https://vega.github.io/schema/vega/v5.json"


def draw_row(
    title: str,
    subtitle: str,
    columns: Sequence[TreeFeature],
    row: Floats,
    best: Floats | None,
) -> dict[str, Any]:
    """Return a specification: each value in deviations from the training mean.

    A bar is the prototype, a grey line behind it the training range, a dot the real
    row that the unit answers to most (where it may be shown).
    """
    mean = np.array([column.mean for column in columns])
    spread = np.array([column.spread for column in columns])
    z = (row - mean) / spread
    order = np.argsort(-np.abs(z))[:SHOWN]
    values = [
        {
            "name": columns[i].name,
            "z": float(z[i]),
            "low": float((columns[i].minimum - mean[i]) / spread[i]),
            "high": float((columns[i].maximum - mean[i]) / spread[i]),
            "best": None if best is None else float((best[i] - mean[i]) / spread[i]),
            "text": f"{row[i]:.4g}"
            + (f" {columns[i].unit}" if columns[i].unit else ""),
        }
        for i in order
    ]
    return {
        "$schema": _SCHEMA,
        "width": 380,
        "height": 22 * len(values),
        "padding": 10,
        "config": CONFIG,
        "title": {
            "text": title,
            "subtitle": subtitle,
            "anchor": "start",
            "frame": "group",
            "offset": 12,
        },
        "data": [{"name": "columns", "values": values}],
        "scales": [
            {
                "name": "y",
                "type": "band",
                "domain": {"data": "columns", "field": "name"},
                "range": "height",
                "padding": 0.3,
            },
            {
                "name": "x",
                "domain": {"data": "columns", "fields": ["low", "high", "z"]},
                "range": "width",
                "nice": True,
            },
        ],
        "axes": [
            {"orient": "left", "scale": "y", "labelLimit": 190, "ticks": False},
            {
                "orient": "bottom",
                "scale": "x",
                "grid": True,
                "title": "training deviations from the training mean",
            },
        ],
        "marks": _row_marks(),
    }


def _row_marks() -> list[dict[str, Any]]:
    data = {"data": "columns"}
    middle = {"scale": "y", "field": "name", "band": 0.5}
    return [
        {
            "type": "rule",
            "from": data,
            "encode": {
                "enter": {
                    "x": {"scale": "x", "field": "low"},
                    "x2": {"scale": "x", "field": "high"},
                    "y": middle,
                    "stroke": {"value": "#c9ced3"},
                    "strokeWidth": {"value": 3},
                }
            },
        },
        {
            "type": "rect",
            "from": data,
            "encode": {
                "enter": {
                    "x": {"scale": "x", "value": 0},
                    "x2": {"scale": "x", "field": "z"},
                    "y": {"scale": "y", "field": "name"},
                    "height": {"scale": "y", "band": 1},
                    "fill": [
                        {"test": "datum.z > 0", "value": SERIES[1]},
                        {"value": SERIES[0]},
                    ],
                    "fillOpacity": {"value": 0.85},
                }
            },
        },
        {
            "type": "symbol",
            "from": data,
            "encode": {
                "enter": {
                    "x": {"scale": "x", "field": "best"},
                    "y": middle,
                    "size": {"value": 34},
                    "fill": {"value": "#1b1b1b"},
                    "stroke": {"value": "white"},
                    "opacity": [
                        {"test": "datum.best === null", "value": 0},
                        {"value": 1},
                    ],
                }
            },
        },
        {
            "type": "text",
            "from": data,
            "encode": {
                "enter": {
                    "x": {"signal": "width + 8"},
                    "y": middle,
                    "text": {"field": "text"},
                    "baseline": {"value": "middle"},
                    "fill": {"value": FAINT},
                    "fontSize": {"value": 10},
                }
            },
        },
    ]


def draw_sequence(
    title: str, subtitle: str, channels: Sequence[str], values: Floats
) -> dict[str, Any]:
    """Return a specification: the channels of [steps, n_channels] as small lines."""
    height, gap = 46, 12
    return {
        "$schema": _SCHEMA,
        "width": 420,
        "height": len(channels) * (height + gap),
        "padding": 10,
        "config": CONFIG,
        "title": {"text": title, "subtitle": subtitle, "anchor": "start", "offset": 12},
        "scales": [
            {
                "name": "x",
                "type": "linear",
                "domain": [1, max(2, len(values))],
                "range": "width",
            }
        ],
        "axes": [{"orient": "bottom", "scale": "x", "title": "step", "tickMinStep": 1}],
        "marks": [
            _channel(name, values[:, i], i * (height + gap), height, SERIES[i % 6])
            for i, name in enumerate(channels)
        ],
    }


def _channel(
    name: str, values: Floats, top: int, height: int, colour: str
) -> dict[str, Any]:
    points = [{"step": i + 1, "value": float(v)} for i, v in enumerate(values)]
    return {
        "type": "group",
        "encode": {
            "enter": {
                "y": {"value": top},
                "width": {"signal": "width"},
                "height": {"value": height},
            }
        },
        "data": [{"name": "points", "values": points}],
        "scales": [
            {
                "name": "y",
                "type": "linear",
                "domain": {"data": "points", "field": "value"},
                "range": [height, 0],
                "zero": False,
                "nice": True,
            }
        ],
        "axes": [
            {
                "orient": "left",
                "scale": "y",
                "tickCount": 2,
                "title": name,
                "titleAngle": 0,
                "titleAlign": "right",
                "titleLimit": 140,
            }
        ],
        "marks": [
            {
                "type": "line",
                "from": {"data": "points"},
                "encode": {
                    "enter": {
                        "x": {"scale": "x", "field": "step"},
                        "y": {"scale": "y", "field": "value"},
                        "stroke": {"value": colour},
                        "strokeWidth": {"value": 1.6},
                    }
                },
            }
        ],
    }
