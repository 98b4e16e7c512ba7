"""What a landscape is drawn of: a network, its tree, and rows to measure them on."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Indexes, TreeFeatures
from explainers.tree import DistilledTree
from trainer.pipeline import Trained

MAX_ROWS = 2000
"""Rows of a split that every point of the plane is measured on."""


@dataclass(frozen=True)
class Part:
    """Some rows: what the network is called with, tree features and class indexes."""

    inputs: tuple[Tensor, ...]
    Z: TreeFeatures
    y: Indexes

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class TreeSettings:
    """How a tree is distilled from a network; see ``trainer.distill.distill``."""

    strength: float
    min_samples_leaf: int
    max_leaves: int | None
    seed: int


@dataclass(frozen=True)
class Subject:
    """A network in evaluation mode on the CPU, with what it is measured on."""

    name: str
    network: nn.Module
    tree: DistilledTree
    settings: TreeSettings
    train: Part
    test: Part


def subject_of(trained: Trained, name: str = "") -> Subject:
    """Return what a trained model's landscape is drawn of."""
    prepared = trained.prepared
    tree = prepared.config.tree
    return Subject(
        name=name or prepared.config.name,
        network=trained.network,
        tree=trained.tree,
        settings=TreeSettings(
            tree.strength,
            prepared.min_samples_leaf,
            tree.max_leaves,
            prepared.config.train.seed,
        ),
        train=_part(trained, prepared.split.train),
        test=_part(trained, prepared.split.test),
    )


def _part(trained: Trained, rows: Indexes) -> Part:
    prepared = trained.prepared
    random = np.random.default_rng(prepared.config.train.seed)
    picked = np.sort(random.permutation(rows)[:MAX_ROWS])
    chosen = prepared.rows(picked)
    # Tables: the network reads the tree features. Else: what a client would send.
    arrays = (chosen.Z,) if chosen.examples is None else prepared.family.inputs(picked)
    return Part(
        tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays),
        chosen.Z,
        chosen.y,
    )
