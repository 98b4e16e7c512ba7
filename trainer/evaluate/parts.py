"""The parts of an input that are taken away together, and what each is worth."""

from typing import TypeAlias

import numpy as np

from explainers.arrays import Floats, Inputs
from explainers.methods.base import Attribution
from explainers.methods.class_activation import ClassActivationMap
from explainers.methods.lime.method import Lime
from explainers.methods.lime.segments import Segments, grid_segments, time_segments
from explainers.methods.lime.tables import input_moments
from explainers.model import Model
from explainers.overlay import resize

Answer: TypeAlias = Attribution | Lime | ClassActivationMap
"""What can be evaluated: it says something of every place of the input."""

SPANS = 8
"""Spans along a sequence; each channel has its own."""
CELLS = 64
"""Cells of a picture: single pixels of a large one change nothing."""

SLOPES = ("gradient", "smoothgrad")
"""Methods that answer per unit of the input; the others say what it contributes."""


def divide(model: Model, shape: tuple[int, ...]) -> Segments:
    """Return the part that each value of an input belongs to, in the input's shape.

    Of a table each input is a part, of a sequence each span of each channel, of a
    picture each cell of a grid, all channels together.
    """
    if model.manifest.family == "tabular":
        return np.arange(shape[0])
    if model.manifest.family == "sequence":
        return time_segments(shape[0], shape[1], SPANS)
    _, height, width = shape
    cells = min(CELLS, max(2, height * width // 4))
    return np.broadcast_to(grid_segments(height, width, cells), shape)


def sum_by_part(values: Floats, parts: Segments) -> Floats:
    """Return the sum over each part: [n_parts]."""
    return np.bincount(parts.ravel(), weights=values.ravel()).astype(np.float64)


def contributions(model: Model, result: Answer, x: Inputs, usual: Inputs) -> Floats:
    """Return what each value speaks for the target, beside the usual input: [*shape].

    An answer per unit is multiplied by the distance from the usual value, as the
    definition of infidelity asks; for a category that distance is 1. A class activation
    map is resized to the picture, as its overlay is.
    """
    if isinstance(result, ClassActivationMap):
        resized = resize(result.map, *x.shape[1:])
        return np.broadcast_to(resized, x.shape)
    values = result.attributions.astype(np.float64)
    distance = _distance(model, x, usual)
    if result.method in SLOPES:
        return values * distance
    if isinstance(result, Lime) and model.manifest.family == "tabular":
        # Per training standard deviation for numbers, per "as here" for the rest.
        _, spread = input_moments(model)
        scaled = np.isin(np.arange(len(x)), _numeric(model)) & ~np.isnan(x)
        if not result.parameters["discretize"]:
            return np.where(scaled, values * distance / spread, values)
    return values


def in_spreads(model: Model, result: Answer) -> Floats:
    """Return attributions that can be compared with one another: [*shape].

    Slopes of a table's inputs come in different units; per training standard deviation
    the largest is not simply the one with the smallest unit. A class activation map
    keeps its own size.
    """
    if isinstance(result, ClassActivationMap):
        return result.map.astype(np.float64)
    values = result.attributions.astype(np.float64)
    if result.method in SLOPES and model.manifest.family == "tabular":
        return values * input_moments(model)[1]
    return values


def _distance(model: Model, x: Inputs, usual: Inputs) -> Floats:
    distance = x.astype(np.float64) - usual
    if model.manifest.family == "tabular":
        codes = np.isin(np.arange(len(x)), _numeric(model), invert=True) | np.isnan(x)
        distance = np.where(codes, x != usual, distance)
    return distance


def _numeric(model: Model) -> list[int]:
    features = model.manifest.input.features
    return [i for i, feature in enumerate(features) if feature.kind == "numeric"]
