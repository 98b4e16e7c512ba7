"""Vega specifications of planes: contours, cells, and the training's way."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from explainers.arrays import Floats
from trainer.charts import CONFIG, FAINT
from trainer.landscape.document import LandscapeDocument, PlaneRecord

SIDE = 250
_GAP = 95
_LEVELS = 14
LABELS = {
    "train_loss": "Loss, training rows",
    "train_accuracy": "Accuracy, training rows",
    "fidelity": "Fidelity of the tree distilled there",
    "test_loss": "Loss, test rows",
    "test_accuracy": "Accuracy, test rows",
    "average_path_length": "Its average path length",
}
"""What is drawn of a single plane: three columns, the tree's figures in the last."""
COMPARED = ("train_loss", "test_loss", "fidelity", "average_path_length")
"""What is drawn of several planes, a row each."""
SMOOTH = ("train_loss", "test_loss")
"""Drawn as contours; everything else steps from value to value, as cells."""


def draw_planes(
    planes: Sequence[PlaneRecord], document: LandscapeDocument, title: str
) -> dict[str, Any]:
    """Return a specification: of several planes a row each, of one two rows.

    Loss is coloured on a logarithmic scale that all planes share.
    """
    alone = len(planes) == 1
    names = tuple(LABELS) if alone else COMPARED
    columns = 3 if alone else len(names)
    marks = []
    for i, (plane, name) in enumerate(itertools.product(planes, names)):
        values = np.concatenate([other.grid(name).ravel() for other in planes])
        label = LABELS[name]
        head = label if alone else f"{plane.network}: {label.lower()}"
        panel = _panel(plane, name, head, choose_levels(values, name), document)
        row, column = divmod(i, columns)
        panel["encode"] = {
            "enter": {
                "x": {"value": column * (SIDE + _GAP)},
                "y": {"value": row * (SIDE + 70)},
                "width": {"value": SIDE},
                "height": {"value": SIDE},
            }
        }
        marks.append(panel)
    rows = len(marks) // columns
    return {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "width": columns * (SIDE + _GAP) - _GAP + 60,
        "height": rows * (SIDE + 70) - 70,
        "padding": 12,
        "config": CONFIG,
        "title": {"text": title, "anchor": "start", "offset": 18, "fontSize": 15},
        "marks": marks,
    }


def choose_levels(values: Floats, name: str) -> list[float]:
    """Return ascending contour levels: even in the logarithm for losses.

    The largest percent is left to the last level: a few points of huge loss would
    otherwise take all the colours.
    """
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(np.quantile(finite, 0.99))
    if high <= low:
        return [low]
    if name.endswith("loss") and low > 0:
        return [float(v) for v in np.geomspace(low, high, _LEVELS)]
    return [float(v) for v in np.linspace(low, high, _LEVELS)]


def _panel(
    plane: PlaneRecord,
    name: str,
    label: str,
    levels: list[float],
    document: LandscapeDocument,
) -> dict[str, Any]:
    grid = plane.grid(name)
    finite = np.where(np.isfinite(grid), grid, levels[-1])
    logarithmic = name.endswith("loss") and levels[0] > 0
    low, high = levels[0], max(levels[-1], levels[0] + 1e-9)
    scheme = "viridis" if logarithmic else "blues"
    return {
        "type": "group",
        "data": [
            *(
                _contour_data(finite, levels)
                if name in SMOOTH
                else _cells(plane, finite)
            ),
            {"name": "way", "values": _way(plane, document)},
            {
                "name": "key",
                "values": [{"level": v, "next": w} for v, w in _bands(levels)],
            },
        ],
        "scales": [
            {
                "name": "x",
                "type": "linear",
                "domain": [plane.alpha[0], plane.alpha[-1]],
                "range": [0, SIDE],
            },
            {
                "name": "y",
                "type": "linear",
                "domain": [plane.beta[0], plane.beta[-1]],
                "range": [SIDE, 0],
            },
            {
                "name": "color",
                "type": "log" if logarithmic else "linear",
                "domain": [low, high],
                "range": {"scheme": scheme},
                "clamp": True,
                "zero": False,
            },
            {
                "name": "bar",
                "type": "log" if logarithmic else "linear",
                "domain": [low, high],
                "range": [SIDE, 0],
                "zero": False,
            },
        ],
        "axes": _axes(plane),
        "title": {"text": label, "fontSize": 12, "offset": 6, "fontWeight": "normal"},
        "marks": [
            _contour_mark(len(plane.alpha), len(plane.beta))
            if name in SMOOTH
            else _cell_mark(),
            *_way_marks(plane, document),
            *_key(levels),
        ],
    }


def _axes(plane: PlaneRecord) -> list[dict[str, Any]]:
    named = {
        "random": ("direction 1, filter norms", "direction 2"),
        "trajectory": ("first component", "second component"),
    }[plane.directions]
    return [
        {"orient": "bottom", "scale": "x", "tickCount": 5, "title": named[0]},
        {"orient": "left", "scale": "y", "tickCount": 5, "title": named[1]},
    ]


def _contour_data(grid: Floats, levels: list[float]) -> list[dict[str, Any]]:
    # Values sit in the middle of their cells; a rim of copies lets the outermost
    # contours run to the edge of the panel.
    padded = np.pad(grid[::-1], 1, mode="edge")  # beta grows upward, pixels downward
    height, width = padded.shape
    values = {"width": width, "height": height, "values": padded.ravel().tolist()}
    steps = [SIDE / (width - 3), SIDE / (height - 3)]
    isocontour = {
        "type": "isocontour",
        "thresholds": levels,
        "smooth": True,
        "scale": steps,
    }
    return [
        {"name": "grid", "values": [values]},
        {"name": "contours", "source": "grid", "transform": [isocontour]},
    ]


def _contour_mark(columns: int, rows: int) -> dict[str, Any]:
    return {
        "type": "path",
        "clip": True,
        "from": {"data": "contours"},
        "encode": {
            "enter": {
                "x": {"value": -1.5 * SIDE / (columns - 1)},
                "y": {"value": -1.5 * SIDE / (rows - 1)},
                "fill": {"scale": "color", "field": "contour.value"},
                "stroke": {"value": "#ffffff"},
                "strokeWidth": {"value": 0.4},
                "strokeOpacity": {"value": 0.7},
            }
        },
        "transform": [{"type": "geopath", "field": "datum.contour"}],
    }


def _cells(plane: PlaneRecord, grid: Floats) -> list[dict[str, Any]]:
    """Return one cell a point: the tree's figures jump, and no line may smooth them."""
    a, b = np.meshgrid(plane.alpha, plane.beta)
    half_a = (plane.alpha[1] - plane.alpha[0]) / 2
    half_b = (plane.beta[1] - plane.beta[0]) / 2
    # Each reaches beneath its neighbours to the right and above, which are drawn later:
    # the paper would shine through the seams of cells that only touch.
    columns = (a - half_a, a + 2 * half_a, b - half_b, b + 2 * half_b, grid)
    names = ("left", "right", "low", "high", "value")
    rows = zip(*(column.ravel().tolist() for column in columns), strict=True)
    return [
        {"name": "cells", "values": [dict(zip(names, r, strict=True)) for r in rows]}
    ]


def _cell_mark() -> dict[str, Any]:
    return {
        "type": "rect",
        "clip": True,
        "from": {"data": "cells"},
        "encode": {
            "enter": {
                "x": {"scale": "x", "field": "left"},
                "x2": {"scale": "x", "field": "right"},
                "y": {"scale": "y", "field": "low"},
                "y2": {"scale": "y", "field": "high"},
                "fill": {"scale": "color", "field": "value"},
            }
        },
    }


def _way(plane: PlaneRecord, document: LandscapeDocument) -> list[dict[str, float]]:
    trajectory = document.trajectory
    if plane.directions == "random" or trajectory is None:
        return [{"a": 0.0, "b": 0.0}]
    return [
        {"a": a, "b": b} for a, b in zip(trajectory.alpha, trajectory.beta, strict=True)
    ]


def _way_marks(plane: PlaneRecord, document: LandscapeDocument) -> list[dict[str, Any]]:
    """Draw checkpoints as a line with dots; the network itself as a cross."""
    place = {"x": {"scale": "x", "field": "a"}, "y": {"scale": "y", "field": "b"}}
    centre = {"x": {"scale": "x", "value": 0}, "y": {"scale": "y", "value": 0}}
    cross = {
        "shape": {"value": "cross"},
        "size": {"value": 70},
        "fill": {"value": "#ff3b30"},
        "stroke": {"value": "white"},
        "strokeWidth": {"value": 0.8},
    }
    marks: list[dict[str, Any]] = []
    if plane.directions == "trajectory" and document.trajectory is not None:
        line = {"stroke": {"value": "#ff3b30"}, "strokeWidth": {"value": 1.4}}
        dot = {
            "size": {"value": 12},
            "fill": {"value": "white"},
            "stroke": {"value": "#ff3b30"},
        }
        way = {"data": "way"}
        marks = [
            {"type": "line", "from": way, "encode": {"enter": {**place, **line}}},
            {"type": "symbol", "from": way, "encode": {"enter": {**place, **dot}}},
        ]
    return [*marks, {"type": "symbol", "encode": {"enter": {**centre, **cross}}}]


def _bands(levels: list[float]) -> list[tuple[float, float]]:
    return list(zip(levels, levels[1:], strict=False))


def _key(levels: list[float]) -> list[dict[str, Any]]:
    """Draw the colour bar at the right, with three numbers."""
    bar: dict[str, Any] = {
        "type": "rect",
        "from": {"data": "key"},
        "encode": {
            "enter": {
                "x": {"value": SIDE + 8},
                "width": {"value": 9},
                "y": {"scale": "bar", "field": "next"},
                "y2": {"scale": "bar", "field": "level"},
                "fill": {"scale": "color", "field": "level"},
            }
        },
    }
    texts = [
        {
            "type": "text",
            "encode": {
                "enter": {
                    "x": {"value": SIDE + 21},
                    "y": {"scale": "bar", "value": level},
                    "text": {"value": f"{level:.3g}"},
                    "baseline": {"value": "middle"},
                    "fontSize": {"value": 9},
                    "fill": {"value": FAINT},
                }
            },
        }
        for level in (levels[0], levels[len(levels) // 2], levels[-1])
    ]
    return [bar, *texts] if len(levels) > 1 else []
