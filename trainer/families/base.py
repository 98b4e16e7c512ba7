"""What training and export ask of a family: the seam between them and the inputs.

A family is one kind of input (table, sequence, picture), bound to one data set and to
statistics of its training rows alone. Fitting, distilling, measuring and writing know
this interface and no family.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

from explainers.arrays import Indexes, TreeFeatures
from explainers.manifest import Family as FamilyName
from explainers.manifest import InputSchema, TreeFeature
from trainer.data.encoding import Moments
from trainer.data.labelled import Labelled
from trainer.data.split import Split
from trainer.rows import Examples

Arrays: TypeAlias = tuple[NDArray[np.generic], ...]
"""One array a graph input, batch first: (inputs,) or (inputs, lengths)."""

Sampler: TypeAlias = Callable[[int, np.random.Generator], Arrays]
"""Draws n fresh rows: made of training values, but like no row that was seen."""


@dataclass(frozen=True)
class Graph:
    """One graph of a bundle: what it must answer like, its names, and fresh inputs.

    ``module`` takes one tensor per name in ``inputs``; of a gradient it is the network
    itself, logits [n, n_classes]. ``ragged`` says that the second axis of the first
    input is time, of any length.
    """

    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sample: Sampler
    ragged: bool = False


class Family(Protocol):
    """One data set, seen as inputs of its family."""

    @property
    def name(self) -> FamilyName:
        """The family's name, as in the manifest."""
        ...

    @property
    def table(self) -> Labelled:
        """The checked data."""
        ...

    @property
    def split(self) -> Split:
        """Row numbers of the three parts."""
        ...

    @property
    def Z(self) -> TreeFeatures:
        """[n, n_tree_features] float32: the tree features of every row."""
        ...

    @property
    def moments(self) -> Moments:
        """Training mean and spread of each tree feature."""
        ...

    def build_network(self) -> nn.Module:
        """Return an untrained network, its weights from torch's global generator."""
        ...

    def build_features(self) -> nn.Module:
        """Return what turns a network's inputs into tree features."""
        ...

    def examples(self, rows: Indexes) -> Examples | None:
        """Return what the network reads of some rows; None for their tree features."""
        ...

    def inputs(self, rows: Indexes) -> Arrays:
        """Return what a client would send for some rows, as the graphs read it."""
        ...

    def servable(self, rows: Indexes) -> Indexes:
        """Return those of ``rows`` that the served model will not refuse."""
        ...

    def graphs(self, network: nn.Module) -> dict[str, Graph]:
        """Return "predict", "gradient" and, if needed, "tree_features", "gradcam"."""
        ...

    def describe_input(self) -> InputSchema:
        """Return what a client may send."""
        ...

    def describe_tree_features(self) -> tuple[TreeFeature, ...]:
        """Return what the tree splits on, one a column of ``Z``."""
        ...

    def reference(self, network: nn.Module) -> dict[str, NDArray[np.generic]]:
        """Return further arrays of the bundle by path (means, spreads, lengths)."""
        ...
