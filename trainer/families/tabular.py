"""Tables: a multi-layer perceptron on standardised tree features."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from explainers.arrays import Indexes, Inputs, TreeFeatures
from explainers.manifest import Family as FamilyName
from explainers.manifest import InputSchema, TreeFeature
from trainer.config import Config, ModelConfig, OwnModel
from trainer.data.encoding import (
    EncodedColumn,
    Encoder,
    Moments,
    build_encoder,
    describe_inputs,
    describe_tree_features,
    is_identity,
    measure_moments,
    plan_encoding,
)
from trainer.data.raw import RawTable
from trainer.data.split import Split, split_table
from trainer.data.table import Table, build_table
from trainer.errors import TrainingWarning
from trainer.families.base import Arrays, Graph, Sampler
from trainer.families.layers import Centre, Predictor, Standardise
from trainer.families.own import NetworkSpec, build_own
from trainer.rows import Examples


@dataclass(frozen=True)
class TabularFamily:
    """A table, its encoding, and the tree features that its network reads."""

    config: Config
    table: Table
    split: Split
    plan: list[EncodedColumn]
    encoder: nn.Module
    moments: Moments
    Z: TreeFeatures
    name: FamilyName = "tabular"

    @property
    def X_train(self) -> Inputs:
        """[n_train, n_inputs]: the raw training rows."""
        return self.table.X[self.split.train]

    def build_network(self) -> nn.Module:
        """Return an untrained network from tree features to logits."""
        model, n_classes = self.config.model, len(self.table.classes)
        if isinstance(model, OwnModel):
            return build_own(
                model,
                NetworkSpec(
                    family="tabular",
                    shape=(self.Z.shape[1],),
                    n_classes=n_classes,
                    mean=self.moments.mean.astype(np.float32),
                    spread=self.moments.spread.astype(np.float32),
                ),
            )
        if not isinstance(model, ModelConfig):
            raise TypeError("a tabular network needs a ModelConfig")
        return build_tabular(model, self.moments, n_classes)

    def build_features(self) -> nn.Module:
        """Return the identity: the network reads the tree features."""
        return nn.Identity()

    def examples(self, rows: Indexes) -> Examples | None:
        """Return None: the network reads the tree features."""
        return None

    def inputs(self, rows: Indexes) -> Arrays:
        """Return ([m, n_inputs],)."""
        return (self.table.X[rows],)

    def servable(self, rows: Indexes) -> Indexes:
        """Leave out rows that lack a value which no training row lacks."""
        refused = ~np.isnan(self.X_train).any(axis=0)
        gaps = np.isnan(self.table.X[rows]) & refused
        return rows[~gaps.any(axis=1)]

    def graphs(self, network: nn.Module) -> dict[str, Graph]:
        """Return the graphs; without an encoder the inputs are the tree features."""
        encoded = not is_identity(self.plan)
        sample = column_sampler(self.X_train)
        graphs = {
            "predict": Graph(
                Predictor(self.encoder, network).eval(),
                ("input",),
                ("logits", "probabilities"),
                sample,
            ),
            "gradient": Graph(
                network,
                ("tree_features" if encoded else "input",),
                ("logits", "gradient"),
                column_sampler(self.Z[self.split.train]),
            ),
        }
        if encoded:
            graphs["tree_features"] = Graph(
                self.encoder, ("input",), ("tree_features",), sample
            )
        return graphs

    def describe_input(self) -> InputSchema:
        """Return the columns that a client sends."""
        features = describe_inputs(self.table.columns, self.X_train)
        return InputSchema(shape=(len(features),), features=features)

    def describe_tree_features(self) -> tuple[TreeFeature, ...]:
        """Return the encoded columns."""
        Z_train = self.Z[self.split.train]
        return describe_tree_features(self.plan, Z_train, self.moments)

    def reference(self, network: nn.Module) -> dict[str, NDArray[np.generic]]:
        """Return nothing: a table's means and spreads are in the manifest."""
        return {}


def prepare_tabular(config: Config, raw: RawTable) -> TabularFamily:
    """Check, divide and encode a table; raises DataError."""
    table = build_table(raw, config.data)
    split = split_table(table, config.data.split, config.data.seed)
    plan = plan_encoding(table.columns, table.X[split.train])
    encoder = build_encoder(plan)
    _warn_of_unseen_gaps(table, split)
    # Not build_encoder: held-out rows may lack values that no training row lacks.
    Z = Encoder(plan)(torch.from_numpy(table.X)).numpy()
    moments = measure_moments(Z[split.train])
    return TabularFamily(config, table, split, plan, encoder, moments, Z)


def _warn_of_unseen_gaps(table: Table, split: Split) -> None:
    missing = np.isnan(table.X)
    unseen = missing.any(axis=0) & ~missing[split.train].any(axis=0)
    for position in np.flatnonzero(unseen):
        warnings.warn(
            f"column {table.columns[position].name!r} has missing values in held-out "
            "rows alone: figures use the training median there, and the served model "
            "will refuse null",
            TrainingWarning,
            stacklevel=4,
        )


def column_sampler(rows: Inputs) -> Sampler:
    """Draw fresh rows: each column independently from ``rows`` [n, d]."""

    def sample(n: int, random: np.random.Generator) -> Arrays:
        picked = random.integers(0, len(rows), size=(n, rows.shape[1]))
        return (rows[picked, np.arange(rows.shape[1])],)

    return sample


def build_tabular(model: ModelConfig, moments: Moments, n_classes: int) -> nn.Module:
    """Return an untrained network from tree features [n, d] to logits [n, n_classes].

    Weights come from torch's global generator: seed it first.
    """
    scale = np.where(moments.varies, 1.0 / moments.spread, 0.0)
    mean = torch.tensor(moments.mean, dtype=torch.float32)
    layers: list[nn.Module] = [
        Standardise(mean, torch.tensor(scale, dtype=torch.float32))
    ]
    width = len(mean)
    for units in model.hidden:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes), Centre())
