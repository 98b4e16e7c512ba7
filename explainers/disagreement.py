"""Where network and tree answer differently: on what the network decides instead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    weight = np.abs(attributions).astype(np.float64)
    shares = _off_path_shares(model, int(prediction.leaves[row]), weight)
    named = [Ignored(name, share) for name, share in shares[:MOST_NAMED]]
    said = f"the network answers {network!r}, the tree {tree!r}"
    off = sum(share for _, share in shares)
    words = ", ".join(f"{part.name} ({part.share:.0%})" for part in named)
    reason = f": {words}" if named else ""
    return Disagreement(
        network,
        tree,
        named,
        f"{said}; {off:.0%} of the attribution is on inputs that the tree's path does "
        f"not look at{reason}",
    )


def _off_path_shares(
    model: Model, leaf: int, weight: NDArray[np.float64]
) -> list[tuple[str, float]]:
    """Return name and share of what the path ignores, the largest first; none of 0."""
    total = float(weight.sum())
    if total == 0:
        return []
    ignored = np.where(model.path_masks[leaf], 0.0, weight) / total
    shares = [(name, float(part.sum())) for name, part in _parts(model, ignored)]
    return sorted((s for s in shares if s[1] > 0), key=lambda s: -s[1])


def _parts(
    model: Model, values: NDArray[np.float64]
) -> list[tuple[str, NDArray[np.float64]]]:
    """Divide one row's values by input, by channel of a sequence, or by patch."""
    manifest = model.manifest
    if manifest.family != "image":
        names = [feature.name for feature in manifest.input.features]
        return [(name, values[..., i]) for i, name in enumerate(names)]
    parts = []
    for column in manifest.tree_features:
        if column.patch is not None:
            top, left, height, width = column.patch
            rows, columns = slice(top, top + height), slice(left, left + width)
            parts.append((column.name, values[column.source, rows, columns]))
    return parts
