"""Whether another seed, or another sample, would have told the same story."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from explainers.arrays import Indexes
from trainer.pipeline import Trained, find_regions
from trainer.pruning import LEAF
from trainer.regions import distil
from trainer.routing import route
from trainer.rows import predict_rows
from trainer.sweep.plan import Point

BOOTSTRAPS = 20


@dataclass(frozen=True)
class Stability:
    """How alike some trees are, averaged over pairs; 1 where there is one tree.

    ``jaccard`` : features named by both, of those named by either. ``agreement`` :
    share of held-out rows that both answer alike. Two trees may name different features
    and answer alike: where columns are correlated, names alone say little.
    """

    trees: int
    jaccard: float
    agreement: float

    def __str__(self) -> str:
        if self.trees < 2:
            return "one tree, and none to compare it with"
        return (
            f"{self.trees} trees: same features named {self.jaccard:.2f} (Jaccard), "
            f"same answers {self.agreement:.3f}"
        )


def compare(features: Sequence[set[str]], answers: Sequence[Indexes]) -> Stability:
    """Compare every pair of trees.

    Parameters
    ----------
    features : the features that each tree names.
    answers : [n] class indexes of each tree on the same rows.
    """
    pairs = list(combinations(range(len(features)), 2))
    if not pairs:
        return Stability(len(features), 1.0, 1.0)
    overlaps = [_jaccard(features[i], features[j]) for i, j in pairs]
    agreed = [float((answers[i] == answers[j]).mean()) for i, j in pairs]
    return Stability(len(features), float(np.mean(overlaps)), float(np.mean(agreed)))


def _jaccard(one: set[str], other: set[str]) -> float:
    either = one | other
    return len(one & other) / len(either) if either else 1.0


def compare_seeds(points: Sequence[Point], strength: float) -> Stability:
    """Compare the regularized trees of one strength."""
    chosen = [p for p in points if p.kind == "regularized" and p.strength == strength]
    return compare(
        [set(point.features) for point in chosen],
        [np.array(point.answers) for point in chosen],
    )


def compare_bootstraps(trained: Trained, n: int = BOOTSTRAPS) -> Stability:
    """Distil one network from ``n`` resamples of its training rows, and compare.

    The trees are of the kind that the bundle has: one a region where there are any.
    """
    prepared = trained.prepared
    config, split = prepared.config, prepared.split
    columns = [c.name for c in prepared.family.describe_tree_features()]
    regions = find_regions(prepared)
    answers = predict_rows(trained.network, prepared.rows(split.train))
    Z, held_out = prepared.Z[split.train], prepared.Z[split.held_out]
    random = np.random.default_rng(config.train.seed)
    named, answered = [], []
    for _ in range(n):
        drawn = np.sort(random.integers(0, len(Z), len(Z)))
        tree = distil(
            regions,
            Z[drawn],
            answers[drawn],
            strength=config.tree.strength,
            min_samples_leaf=prepared.min_samples_leaf,
            max_leaves=config.tree.max_leaves,
            seed=config.train.seed,
        )
        named.append({columns[i] for i in tree.feature[tree.feature != LEAF]})
        answered.append(tree.labels[route(tree, held_out)])
    return compare(named, answered)
