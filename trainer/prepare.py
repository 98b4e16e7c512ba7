"""From a configuration to what training reads: data, split, family, tree features."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from explainers.arrays import Indexes, Inputs, TreeFeatures
from trainer.config import Config, OwnModel
from trainer.data.encoding import Moments
from trainer.data.labelled import Labelled
from trainer.data.source import load_raw
from trainer.data.split import Split
from trainer.families import prepare_family
from trainer.families.base import Family
from trainer.own_code import search_beside
from trainer.rows import Rows as Rows


@dataclass(frozen=True)
class Prepared:
    """Data ready for training; statistics come from the training rows alone."""

    config: Config
    family: Family

    @property
    def table(self) -> Labelled:
        """The checked data: a Table, Sequences or Images."""
        return self.family.table

    @property
    def split(self) -> Split:
        """Row numbers of the three parts."""
        return self.family.split

    @property
    def Z(self) -> TreeFeatures:
        """[n, n_tree_features] float32: the tree features of every row."""
        return self.family.Z

    @property
    def moments(self) -> Moments:
        """Training mean and spread of each tree feature."""
        return self.family.moments

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.table.classes)

    @property
    def X_train(self) -> Inputs:
        """[n_train, *shape]: the raw training rows."""
        return np.asarray(self.family.inputs(self.split.train)[0], dtype=np.float32)

    @property
    def min_samples_leaf(self) -> int:
        """Training rows that a leaf of the distilled tree must hold."""
        return self.config.tree.leaf_size(len(self.split.train))

    def rows(self, numbers: Indexes) -> Rows:
        """Select rows."""
        return Rows(
            np.ascontiguousarray(self.Z[numbers]),
            self.table.y[numbers],
            self.family.examples(numbers),
        )

    @property
    def all_rows(self) -> Rows:
        """Every row, in order."""
        return self.rows(np.arange(len(self.table)))

    def build_network(self) -> nn.Module:
        """Return an untrained network, its weights from torch's global generator."""
        return self.family.build_network()


def prepare(config: Config, base: Path = Path()) -> Prepared:
    """Read, check, divide and encode the data of a configuration.

    Parameters
    ----------
    base : the directory that ``config.data.path`` is relative to.

    Raises
    ------
    DataError
        The data cannot be learned from as they are.
    """
    if config.data.loader is not None or isinstance(config.model, OwnModel):
        search_beside(base)
    return Prepared(config, prepare_family(config, load_raw(config, base)))
