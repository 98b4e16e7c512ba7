"""Where network and tree answer differently: on what the network decides instead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.manifest import InputFeature, TreeFeature
from explainers.model import Model, Prediction

MOST_NAMED = 5
"""Inputs that an answer names: the rest is in the attributions."""


@dataclass(frozen=True)
class Ignored:
    """An input that the path does not look at, and its share of all |attribution|."""

    name: str
    share: float


@dataclass(frozen=True)
class Disagreement:
    """What the network answers here, what the tree does, and why they may differ.

    ``off_path`` are the inputs (of a picture: the patches) that the tree's path does
    not look at, those with the largest share of |attribution| first; ``summary`` says
    it in words.
    """

    network: str
    tree: str
    off_path: list[Ignored]
    summary: str


def disagreement(
    model: Model, prediction: Prediction, row: int, attributions: NDArray[np.float32]
) -> Disagreement | None:
    """Explain a disagreement by the attributions of one row; None where they agree.

    Parameters
    ----------
    attributions : the shape of one input.
    """
    label, tree_label = int(prediction.labels[row]), int(prediction.tree_labels[row])
    if label == tree_label:
        return None
    network, tree = model.classes[label], model.classes[tree_label]
    parts, shares = _off_path_shares(model, int(prediction.leaves[row]), attributions)
    largest = np.argsort(-shares, kind="stable")[:MOST_NAMED]
    named = [Ignored(parts[i].name, float(shares[i])) for i in largest if shares[i] > 0]
    said = f"the network answers {network!r}, the tree {tree!r}"
    words = ", ".join(f"{part.name} ({part.share:.0%})" for part in named)
    reason = f": {words}" if named else ""
    return Disagreement(
        network,
        tree,
        named,
        f"{said}; {shares.sum():.0%} of the attribution is on inputs that the tree's "
        f"path does not look at{reason}",
    )


def _off_path_shares(
    model: Model, leaf: int, attributions: NDArray[np.float32]
) -> tuple[Sequence[InputFeature] | Sequence[TreeFeature], NDArray[np.float64]]:
    """Return the inputs (of a picture: the patches), and each one's share off the path.

    The shares are of all |attribution|: 0 for what the path looks at, and for every
    input where there is no attribution at all.
    """
    weight = np.abs(attributions).astype(np.float64)
    ignored = np.where(model.path_masks[leaf], 0.0, weight) / (weight.sum() or 1.0)
    manifest = model.manifest
    if manifest.family != "image":
        features = manifest.input.features
        return features, ignored.reshape(-1, len(features)).sum(axis=0)
    patches = [column for column in manifest.tree_features if column.patch is not None]
    return patches, np.array([_sum_over(patch, ignored) for patch in patches])


def _sum_over(column: TreeFeature, values: NDArray[np.float64]) -> float:
    """Sum a picture's values over the patch of one tree feature."""
    if column.patch is None:
        raise TypeError(f"{column.name} is not the mean of a patch")
    top, left, height, width = column.patch
    part = values[column.source, top : top + height, left : left + width]
    return float(part.sum())
