"""Regional trees: one small tree a region, the regions given by a rule or a column.

The decisions that tell the regions apart stand on top, and each region's tree hangs
below: the whole is one tree, which every reader of a bundle can route, draw and check.
Each region is distilled on its own rows, at its own price, so that an easy region is
not simplified for the sake of a hard one (Wu et al., AAAI 2020, arXiv 1908.04494).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explainers.arrays import Floats, Indexes, Probabilities, TreeFeatures
from explainers.manifest import TreeFeature
from trainer.config import RegionsConfig
from trainer.distill import certainty, distill
from trainer.errors import ConfigError, DataError
from trainer.pruning import LEAF, Grown
from trainer.routing import recount, route

SMOOTHNESS = 0.1
"""Of the maximum over regions, in units of the penalty: regions within this of the
worst one share its weight."""
_RULE = re.compile(r"(?P<name>.+?)\s*(?P<sign><=|>)\s*(?P<number>[-+.\deE]+)\s*\Z")


@dataclass(frozen=True)
class Regions:
    """Regions by name, and the decisions that tell them apart.

    ``names`` are in order of the leaves of ``top``, which has no counts of its own.
    """

    names: tuple[str, ...]
    top: Grown

    def of(self, features: TreeFeatures) -> Indexes:
        """Return the position in ``names`` of each row's region, [n]."""
        return self.positions[route(self.top, features)]

    @property
    def positions(self) -> Indexes:
        """[n_nodes of ``top``]: the region at each leaf; LEAF at decisions."""
        leaves = np.flatnonzero(self.top.feature == LEAF)
        positions = np.full(len(self.top.feature), LEAF, dtype=np.int64)
        positions[leaves] = np.arange(len(leaves))
        return positions


def plan_regions(config: RegionsConfig, columns: Sequence[TreeFeature]) -> Regions:
    """Turn the configuration into decisions on tree features.

    Parameters
    ----------
    columns : the tree features, in order.

    Raises
    ------
    ConfigError
        The rule is none, or it or the column names nothing that there is.
    """
    if config.rule is not None:
        return _by_rule(config.rule, columns)
    name = config.column or ""
    codes = [i for i, c in enumerate(columns) if c.name.startswith(f"{name} = ")]
    codes = [i for i in codes if columns[i].kind == "category"]
    if len(codes) < 2:
        categories = {c.name.split(" = ")[0] for c in columns if c.kind == "category"}
        raise ConfigError(
            f"regions.column: {name!r} is no column of categories; available: "
            f"{', '.join(sorted(categories)) or 'none'}. For a number use regions.rule"
        )
    # One question a category but the last, which takes what is left (missing values).
    names = tuple(columns[i].name for i in reversed(codes))
    return Regions(names, _chain(codes[:-1]))


def _by_rule(rule: str, columns: Sequence[TreeFeature]) -> Regions:
    parsed = _RULE.match(rule.strip())
    names = [column.name for column in columns if column.kind == "value"]
    if parsed is None or parsed["name"] not in names:
        raise ConfigError(
            f"regions.rule: {rule!r} is not `name <= number` or `name > number` with "
            f"one of the names {', '.join(names[:20])}"
        )
    try:
        threshold = float(parsed["number"])
    except ValueError:
        raise ConfigError(f"regions.rule: {parsed['number']!r} is no number") from None
    feature = [column.name for column in columns].index(parsed["name"])
    name, number = parsed["name"], parsed["number"]
    top = _decisions([feature], [threshold])
    return Regions((f"{name} <= {number}", f"{name} > {number}"), top)


def _chain(features: list[int]) -> Grown:
    return _decisions(features, [0.5] * len(features))


def _decisions(features: list[int], thresholds: list[float]) -> Grown:
    """Return questions whose left branch asks the next and whose right is a leaf.

    Preorder: all decisions, then the leaves, the deepest first.
    """
    n = len(features)
    at = np.arange(n)
    leaves = np.full(n + 1, LEAF, dtype=np.int64)
    return Grown(
        feature=np.concatenate([features, leaves]).astype(np.int64),
        threshold=np.concatenate([thresholds, np.zeros(n + 1)]),
        left=np.concatenate([at + 1, leaves]),
        right=np.concatenate([2 * n - at, leaves]),
        rows=np.zeros(2 * n + 1, dtype=np.int64),
        weights=np.zeros((2 * n + 1, 1)),
    )


def check_rows(regions: Regions, features: TreeFeatures, fewest: int) -> None:
    """Refuse regions with too few training rows for a tree; raises DataError."""
    counts = np.bincount(regions.of(features), minlength=len(regions.names))
    for name, rows in zip(regions.names, counts.tolist(), strict=True):
        if rows < 2 * fewest:
            raise DataError(
                f"region {name!r} has {rows} training rows; at least {2 * fewest} are "
                "needed for a tree of its own (twice [tree] min_samples_leaf)"
            )


def distil(
    regions: Regions | None,
    features: TreeFeatures,
    probabilities: Probabilities,
    *,
    max_leaves: int | Sequence[int] | None = None,
    **options: Any,
) -> Grown:
    """Distil every region on its own rows; see ``distill`` for the options.

    Without regions that is ``distill``. A region on which the network gives one answer
    is a leaf.

    Parameters
    ----------
    max_leaves : the most of each region; one number for all alike, or one a region.
    """
    names = [""] if regions is None else regions.names
    most = max_leaves if isinstance(max_leaves, Sequence) else [max_leaves] * len(names)
    if regions is None:
        return distill(features, probabilities, max_leaves=most[0], **options)
    region = regions.of(features)
    parts = [
        _distil_part(
            features[region == r], probabilities[region == r], most[r], options
        )
        for r in range(len(regions.names))
    ]
    tree = graft(regions, parts)
    decisions = np.asarray(probabilities).argmax(axis=1)
    return recount(tree, features, decisions, certainty(probabilities))


def _distil_part(
    features: TreeFeatures,
    probabilities: Probabilities,
    most: int | None,
    options: dict[str, Any],
) -> Grown:
    decisions = np.asarray(probabilities).argmax(axis=1)
    if most != 1 and len(decisions) and (decisions != decisions[0]).any():
        return distill(features, probabilities, max_leaves=most, **options)
    weights = np.zeros((1, probabilities.shape[1]))
    return Grown(
        feature=np.array([LEAF]),
        threshold=np.zeros(1),
        left=np.array([LEAF]),
        right=np.array([LEAF]),
        rows=np.array([len(decisions)]),
        weights=weights,
    )


def graft(regions: Regions, parts: Sequence[Grown]) -> Grown:
    """Hang one tree below each leaf of ``regions.top``; nodes in preorder, no counts.

    Parameters
    ----------
    parts : one tree a region, in order; each counts the classes that it knows.
    """
    features: list[int] = []
    thresholds: list[float] = []
    children: list[list[int]] = []
    n_classes = max(part.weights.shape[1] for part in parts)

    def add(tree: Grown, node: int) -> int:
        position = regions.positions[node] if tree is regions.top else LEAF
        if position != LEAF:
            return add(parts[int(position)], 0)
        here = len(features)
        features.append(int(tree.feature[node]))
        thresholds.append(float(tree.threshold[node]))
        children.append([LEAF, LEAF])
        if tree.feature[node] != LEAF:
            below = int(tree.left[node]), int(tree.right[node])
            children[here] = [add(tree, child) for child in below]
        return here

    add(regions.top, 0)
    links = np.array(children, dtype=np.int64)
    return Grown(
        feature=np.array(features, dtype=np.int64),
        threshold=np.array(thresholds),
        left=links[:, 0],
        right=links[:, 1],
        rows=np.zeros(len(features), dtype=np.int64),
        weights=np.zeros((len(features), n_classes)),
    )


def find_roots(regions: Regions, tree: Grown) -> tuple[list[int], list[int]]:
    """Return the root of each region's part, and the decisions above them."""
    roots = [0] * len(regions.names)
    above: list[int] = []
    stack = [(0, 0)]
    while stack:
        top, node = stack.pop()
        if regions.top.feature[top] == LEAF:
            roots[int(regions.positions[top])] = node
            continue
        above.append(node)
        stack.append((int(regions.top.left[top]), int(tree.left[node])))
        stack.append((int(regions.top.right[top]), int(tree.right[node])))
    return roots, above


def worst_region(charges: Tensor, region: Tensor, n_regions: int) -> Tensor:
    """Return the smoothed maximum over regions of their mean charge.

    The weights are the sparsemax (Martins and Astudillo, ICML 2016) of the means: the
    regions near the worst share all the weight, the others have none.

    Parameters
    ----------
    charges : [b], one a row. region : [b] int64, each row's region.
    """
    counts = torch.bincount(region, minlength=n_regions)
    sums = charges.new_zeros(n_regions).index_add(0, region, charges)
    means = sums / counts.clamp(min=1)
    present = means[counts > 0]
    scaled = (present.detach() / SMOOTHNESS).cpu().numpy()
    weights = torch.as_tensor(sparsemax(scaled)).to(present)
    return (weights * present).sum()


def sparsemax(scores: Floats) -> Floats:
    """Return the point of the probability simplex nearest to ``scores``, [k]."""
    ordered = np.sort(scores)[::-1].astype(np.float64)
    sums = np.cumsum(ordered)
    sizes = np.arange(1, len(ordered) + 1)
    size = int(sizes[1 + sizes * ordered > sums].max())
    threshold = (sums[size - 1] - 1) / size
    lowered: Floats = np.asarray(scores, dtype=np.float64) - threshold
    return np.asarray(np.maximum(lowered, 0.0))
