"""Thresholds that a person can read: the shortest decimal in the gap between rows.

scikit-learn puts a threshold midway between two neighbouring training values, as in
16.795000076293945. Any number in that gap routes every training row alike, so 16.8 says
the same with less.
"""

import dataclasses
import math
from collections.abc import Collection

import numpy as np

from explainers.arrays import Indexes, TreeFeatures
from trainer.distill import route
from trainer.errors import TrainingError
from trainer.pruning import LEAF, Grown

MAX_DIGITS = 17


def shorten_thresholds(
    tree: Grown, features: TreeFeatures, keep: Collection[int] = ()
) -> Grown:
    """Replace each threshold by a short decimal that routes the same training rows.

    Parameters
    ----------
    tree : grown on ``features``.
    features : [n, n_tree_features] float32, the rows whose routing must not change.
    keep : nodes whose thresholds were chosen by a person.

    Returns
    -------
    The tree with short decimals as thresholds (see ``short_between``).
    """
    before = route(tree, features)
    reached = _rows_by_node(tree, before)
    threshold = tree.threshold.copy()
    for node in np.flatnonzero(tree.feature != LEAF).tolist():
        if node in keep:
            continue
        values = features[reached[node], tree.feature[node]].astype(np.float64)
        left = values[values <= threshold[node]].max()
        right = values[values > threshold[node]].min()
        threshold[node] = short_between(float(left), float(right))
    shortened = dataclasses.replace(tree, threshold=threshold)
    if not np.array_equal(route(shortened, features), before):
        raise TrainingError("shortened thresholds route training rows differently")
    return shortened


def _rows_by_node(tree: Grown, leaves: Indexes) -> dict[int, Indexes]:
    reached = {int(leaf): np.flatnonzero(leaves == leaf) for leaf in np.unique(leaves)}
    for node in reversed(np.flatnonzero(tree.feature != LEAF).tolist()):
        children = [int(tree.left[node]), int(tree.right[node])]
        reached[node] = np.concatenate([reached[child] for child in children])
    return reached


def short_between(left: float, right: float) -> float:
    """Return the shortest decimal near the middle of a gap.

    A value is rounded to float32 before it is compared, so the decimal must not round
    up: an input of exactly 0.1 would otherwise fail ``0.1 <= 0.1``.

    Parameters
    ----------
    left, right : neighbouring float32 values, left < right. The result t satisfies
        left <= float32(t) <= t < right, and keeps a quarter of the gap away from either
        where a short decimal does: unseen values near a training row then stay on its
        side.
    """
    gap = right - left
    middle = left + gap / 2
    for low, high in ((left + gap / 4, right - gap / 4), (left, right)):
        coarsest = math.floor(math.log10(max(abs(left), abs(right)))) + 1
        for decimals in range(-coarsest, MAX_DIGITS - coarsest):
            nearest, unit = round(middle, decimals), 10.0**-decimals
            for step in (0, -1, 1):
                candidate = round(nearest + step * unit, decimals)
                with np.errstate(over="ignore"):
                    rounded = float(np.float32(candidate))
                if low <= candidate <= high and left <= rounded <= candidate < right:
                    return candidate
    return left
