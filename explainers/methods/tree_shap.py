"""tree_shap: exact Shapley values of the distilled tree, path-dependent.

For one leaf with k distinct features on its path, feature j holds (one_j = 1) or not
(one_j = 0) and lets a share zero_j of the training rows through. The leaf's game is
v(S) = value * prod_{j in S} one_j * prod_{j not in S} zero_j, and its Shapley values
follow from the polynomial prod_{i != j} (zero_i + one_i t): the coefficient of t^s is
weighted by s! (k - s - 1)! / k!. The leaves' games add up to the tree's.
"""

from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats
from explainers.methods.base import (
    AttributionParameters,
    Explainer,
    described,
    resolve_targets,
)
from explainers.model import Model, Prediction
from explainers.tree import DistilledTree


class TreeShapParameters(AttributionParameters, frozen=True):
    """Target and seed only; the default target is the tree's own answer."""


@dataclass(frozen=True)
class TreeShap:
    """Shapley values of the tree's share of the target class: they sum to
    ``value - base_value``.

    ``attributions`` has one value a tree feature. ``value`` is the share of training
    rows in this leaf that the network decides for the target, ``base_value`` that share
    over all training rows.
    """

    method: str
    target: str
    attributions: NDArray[np.float64]
    base_value: float
    value: float
    parameters: dict[str, Any]
    seed: int


def explain(
    model: Model, prediction: Prediction, parameters: TreeShapParameters
) -> list[TreeShap]:
    """Return the Shapley values for each row, in share of the target class."""
    targets = resolve_targets(model, prediction, parameters.target)
    if parameters.target is None:
        targets = prediction.tree_labels
    shares = class_shares(model.tree)  # [n_nodes, n_classes]
    results = []
    for row, target in enumerate(targets.tolist()):
        values = shapley_values(
            model.tree, shares[:, target], prediction.tree_features[row]
        )
        results.append(
            TreeShap(
                method="tree_shap",
                target=model.classes[target],
                attributions=values,
                base_value=float(shares[0, target]),
                value=float(shares[int(prediction.leaves[row]), target]),
                parameters=described(parameters),
                seed=parameters.seed,
            )
        )
    return results


def class_shares(tree: DistilledTree) -> Floats:
    """Return the network's decisions as shares: [n_nodes, n_classes] float64.

    A leaf's share counts training rows; an inner node's is what its leaves' add up to.
    """
    counts = np.array([node.class_counts for node in tree.nodes], dtype=np.float64)
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def shapley_values(
    tree: DistilledTree, values: Floats, features: NDArray[np.float32]
) -> Floats:
    """Return the Shapley values of one row.

    Parameters
    ----------
    values : [n_nodes], the tree's output at each leaf. features : [n_tree_features].

    Returns
    -------
    [n_tree_features] float64.
    """
    result = np.zeros(tree.n_features)
    for box in tree.boxes:
        if box.features:
            at = list(box.features)
            x = features[at].astype(np.float64)
            one = ((box.lower < x) & (x <= box.upper)).tolist()
            result[at] += values[box.leaf] * np.array(_worth(one, box.cover.tolist()))
    return result


def _worth(one: list[bool], zero: list[float]) -> list[float]:
    """Shapley values of one leaf's game with value 1; k is the number of features.

    Plain lists: k is a handful, where numpy's overhead would be most of the time.
    """
    k = len(one)
    weights = _weights(k)
    worth = []
    for j in range(k):
        polynomial = [1.0]
        for i in range(k):
            if i != j:
                polynomial = _times(polynomial, zero[i], one[i])
        total = sum(w * c for w, c in zip(weights, polynomial, strict=True))
        worth.append((one[j] - zero[j]) * total)
    return worth


def _times(polynomial: list[float], constant: float, linear: bool) -> list[float]:
    """Multiply by (constant + t), or by the constant alone."""
    product = [constant * c for c in polynomial] + [0.0]
    if linear:
        for power, c in enumerate(polynomial):
            product[power + 1] += c
    return product


@cache
def _weights(k: int) -> list[float]:
    return [factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)]


METHOD = Explainer(
    name="tree_shap",
    summary="Exact Shapley values of the distilled tree (not of the network): how each "
    "feature moved the tree's share of the class. Explains the network only where "
    "`agrees` is true in the tree path.",
    source="Lundberg et al. 2020, From local explanations to global understanding with "
    "explainable AI for trees, methods (path-dependent)",
    cost="cheap",
    requires=(),
    parameters=TreeShapParameters,
    result=TreeShap,
    explain=explain,
    rows=lambda model, parameters: 0,
)
