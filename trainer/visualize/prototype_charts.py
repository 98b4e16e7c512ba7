"""Vega specifications of prototypes: bars for a row, lines for a sequence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainers.arrays import Floats
from explainers.manifest import TreeFeature
from trainer.charts import CONFIG, FAINT, INK, SERIES

SHOWN = 15
"""Columns of a chart: those where the prototype is farthest from the mean."""
_MIDDLE = {"scale": "y", "field": "name", "band": 0.5}
_GREY = "#b5bbc1"
_SCHEMA = "https://vega.github.io/schema/vega/v5.json"


def draw_row(
    title: str,
    subtitle: str,
    columns: Sequence[TreeFeature],
    row: Floats,
    ends: tuple[Floats, Floats] | None,
) -> dict[str, Any]:
    """Return a specification: each value in deviations from the training mean.

    A bar is the prototype, a grey line behind it the training range, a dot and a ring
    the real rows of ``ends``, which the unit answers to most and least (None where
    they may not be shown).
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
            "text": f"{row[i]:.4g}"
            + (f" {columns[i].unit}" if columns[i].unit else ""),
        }
        | {
            name: float((end[i] - mean[i]) / spread[i])
            for name, end in zip(("best", "worst"), ends or (), strict=False)
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
        "marks": [
            *_row_marks(),
            *([_dot("worst", "white"), _dot("best", INK)] if ends else []),
        ],
    }


def _dot(field: str, fill: str) -> dict[str, Any]:
    return {
        "type": "symbol",
        "from": {"data": "columns"},
        "encode": {
            "enter": {
                "x": {"scale": "x", "field": field},
                "y": _MIDDLE,
                "size": {"value": 34},
                "fill": {"value": fill},
                "stroke": {"value": "white" if fill == INK else INK},
            }
        },
    }


def _row_marks() -> list[dict[str, Any]]:
    data = {"data": "columns"}
    return [
        {
            "type": "rule",
            "from": data,
            "encode": {
                "enter": {
                    "x": {"scale": "x", "field": "low"},
                    "x2": {"scale": "x", "field": "high"},
                    "y": _MIDDLE,
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
            "type": "text",
            "from": data,
            "encode": {
                "enter": {
                    "x": {"signal": "width + 8"},
                    "y": _MIDDLE,
                    "text": {"field": "text"},
                    "baseline": {"value": "middle"},
                    "fill": {"value": FAINT},
                    "fontSize": {"value": 10},
                }
            },
        },
    ]


def draw_sequence(
    title: str,
    subtitle: str,
    channels: Sequence[tuple[str, float, float]],
    values: Floats,
    ends: tuple[Floats, Floats] | None,
) -> dict[str, Any]:
    """Return a specification: the channels of [steps, n_channels] as small lines.

    Parameters
    ----------
    channels : name, least and largest training value of each; the axis spans them.
    ends : the real sequences that the unit answers to most (drawn in black) and least
        (in grey), like ``values``; None where they may not be shown.
    """
    height, gap = 46, 12
    real = [] if ends is None else [(ends[1], _GREY, 1.0), (ends[0], INK, 0.8)]
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
                "zero": False,
            }
        ],
        "axes": [{"orient": "bottom", "scale": "x", "title": "step", "tickMinStep": 1}],
        "marks": [
            _channel(
                channel,
                [
                    *((row[:, i], colour, width) for row, colour, width in real),
                    (values[:, i], SERIES[i % 6], 1.8),
                ],
                i * (height + gap),
                height,
            )
            for i, channel in enumerate(channels)
        ],
    }


def _channel(
    channel: tuple[str, float, float],
    lines: Sequence[tuple[Floats, str, float]],
    top: int,
    height: int,
) -> dict[str, Any]:
    """Return a panel of lines: values, colour and width each."""
    name, low, high = channel
    return {
        "type": "group",
        "encode": {
            "enter": {
                "y": {"value": top},
                "width": {"signal": "width"},
                "height": {"value": height},
            }
        },
        "data": [
            {
                "name": f"line {i}",
                "values": [
                    {"step": step, "value": float(value)}
                    for step, value in enumerate(values, start=1)
                ],
            }
            for i, (values, _, _) in enumerate(lines)
        ],
        "scales": [
            {
                "name": "y",
                "type": "linear",
                "domain": [low, high],
                "range": [height, 0],
                "zero": False,
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
                "from": {"data": f"line {i}"},
                "encode": {
                    "enter": {
                        "x": {"scale": "x", "field": "step"},
                        "y": {"scale": "y", "field": "value"},
                        "stroke": {"value": colour},
                        "strokeWidth": {"value": width},
                    }
                },
            }
            for i, (_, colour, width) in enumerate(lines)
        ],
    }
