"""tree_shap: exact Shapley values of the distilled tree, path-dependent.

For one leaf with k distinct features on its path, feature j holds (one_j = 1) or not
(one_j = 0) and lets a share zero_j of the training rows through. The leaf's game is
v(S) = value * prod_{j in S} one_j * prod_{j not in S} zero_j, and its Shapley values
follow from the polynomial prod_{i != j} (zero_i + one_i t): the coefficient of t^s is
weighted by s! (k - s - 1)! / k!. The leaves' games add up to the tree's.
"""

from dataclasses import dataclass
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
    games = leaf_games(model.tree)
    shares = class_shares(model.tree)  # [n_nodes, n_classes]
    results = []
    for row, target in enumerate(targets.tolist()):
        values = shapley_values(
            games, shares[:, target], prediction.tree_features[row], model.tree
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


@dataclass(frozen=True)
class LeafGame:
    """One leaf: its path's distinct features, each with interval and share let through.

    ``lower`` < float32(value) <= ``upper`` is what the path asks of each feature.
    """

    leaf: int
    features: tuple[int, ...]
    lower: Floats
    upper: Floats
    zero: Floats


def leaf_games(tree: DistilledTree) -> list[LeafGame]:
    """Return every leaf's game, in order of leaf id."""
    games = []
    for leaf in tree.leaves:
        zero: dict[int, float] = {}
        path = tree.path_to(leaf.id)
        for here, following in zip(path, path[1:], strict=False):
            node, child = tree.nodes[here], tree.nodes[following]
            if node.feature is not None:
                share = child.n / max(node.n, 1)
                zero[node.feature] = zero.get(node.feature, 1.0) * share
        asked = tree.intervals(leaf.id)
        features = tuple(zero)
        games.append(
            LeafGame(
                leaf.id,
                features,
                np.array([asked[f][0] for f in features]),
                np.array([asked[f][1] for f in features]),
                np.array([zero[f] for f in features]),
            )
        )
    return games


def class_shares(tree: DistilledTree) -> Floats:
    """Return the network's decisions as shares: [n_nodes, n_classes] float64.

    A leaf's share counts training rows; an inner node's is what its leaves' add up to.
    """
    counts = np.array([node.class_counts for node in tree.nodes], dtype=np.float64)
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def shapley_values(
    games: list[LeafGame],
    values: Floats,
    features: NDArray[np.float32],
    tree: DistilledTree,
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
    for game in games:
        if not game.features:
            continue
        x = features[list(game.features)].astype(np.float64)
        one = ((game.lower < x) & (x <= game.upper)).astype(np.float64)
        worth = _leaf_shapley(one, game.zero)
        result[list(game.features)] += values[game.leaf] * worth
    return result


def _leaf_shapley(one: Floats, zero: Floats) -> Floats:
    k = len(one)
    weights = np.array(
        [factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)]
    )
    worth = np.empty(k)
    for j in range(k):
        polynomial = np.ones(1)
        for i in range(k):
            if i != j:
                polynomial = np.convolve(polynomial, [zero[i], one[i]])
        worth[j] = (one[j] - zero[j]) * float(weights @ polynomial)
    return worth


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
