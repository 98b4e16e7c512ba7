"""From a configuration to the arrays that training reads: table, split, encoding."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from explainers.arrays import Indexes, Inputs, TreeFeatures
from trainer.config import Config
from trainer.data.encoding import (
    EncodedColumn,
    Encoder,
    Moments,
    build_encoder,
    measure_moments,
    plan_encoding,
)
from trainer.data.split import Split, split_table
from trainer.data.table import Table, load_table
from trainer.errors import TrainingWarning
from trainer.families import FAMILIES


@dataclass(frozen=True)
class Rows:
    """Some rows: tree features [n, d] float32 and true class indexes [n] int64."""

    Z: TreeFeatures
    y: Indexes

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Prepared:
    """A table ready for training; statistics come from its training rows alone.

    ``Z`` [n, n_tree_features] holds the tree features of every row of ``table``.
    """

    config: Config
    table: Table
    split: Split
    plan: list[EncodedColumn]
    encoder: nn.Module
    moments: Moments
    Z: TreeFeatures

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.table.classes)

    @property
    def X_train(self) -> Inputs:
        """[n_train, n_inputs]: the raw training rows."""
        return self.table.X[self.split.train]

    @property
    def min_samples_leaf(self) -> int:
        """Training rows that a leaf of the distilled tree must hold."""
        return self.config.tree.leaf_size(len(self.split.train))

    def rows(self, numbers: Indexes) -> Rows:
        """Select rows of the encoded table."""
        return Rows(np.ascontiguousarray(self.Z[numbers]), self.table.y[numbers])

    def build_network(self) -> nn.Module:
        """Return an untrained network, its weights from torch's global generator."""
        return FAMILIES["tabular"](self.config.model, self.moments, self.n_classes)


def prepare(config: Config, base: Path = Path()) -> Prepared:
    """Read, check, divide and encode the table of a configuration.

    Raises
    ------
    DataError
        The table cannot be learned from as it is.
    """
    table = load_table(config.data, base)
    split = split_table(table, config.data.split, config.data.seed)
    plan = plan_encoding(table.columns, table.X[split.train])
    encoder = build_encoder(plan)
    _warn_of_unseen_gaps(table, split)
    # Not build_encoder: held-out rows may lack values that no training row lacks.
    Z = Encoder(plan)(torch.from_numpy(table.X)).numpy()
    moments = measure_moments(Z[split.train])
    return Prepared(config, table, split, plan, encoder, moments, Z)


def _warn_of_unseen_gaps(table: Table, split: Split) -> None:
    missing = np.isnan(table.X)
    unseen = missing.any(axis=0) & ~missing[split.train].any(axis=0)
    for position in np.flatnonzero(unseen):
        warnings.warn(
            f"column {table.columns[position].name!r} has missing values in held-out "
            "rows alone: figures use the training median there, and the served model "
            "will refuse null",
            TrainingWarning,
            stacklevel=3,
        )
