"""Sequences: a GRU or LSTM that answers for the last step of what it has seen.

Training reads whole sequences and uses the answer at every labelled step; serving reads
a sequence so far and answers for its last step. Both are the same function, because
the network never looks ahead.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.arrays import Indexes, Inputs, TreeFeatures
from explainers.loading import MEAN, SPREAD
from explainers.manifest import Family as FamilyName
from explainers.manifest import InputFeature, InputSchema, TreeFeature
from trainer.config import Config, OwnModel, SequenceModel
from trainer.data.encoding import Moments, measure_moments
from trainer.data.raw import RawSequences
from trainer.data.sequences import Sequences, build_sequences
from trainer.data.split import Split, split_table
from trainer.errors import ConfigError
from trainer.families.base import Arrays, Graph
from trainer.families.layers import Centre, Standardise
from trainer.families.own import NetworkSpec, build_own
from trainer.rows import Examples
from trainer.tree_features.sequences import (
    Look,
    SequenceFeatures,
    describe_looks,
    plan_looks,
)

ROWS_AT_ONCE = 4096
"""Rows that are padded to one array in one pass."""


class SequenceNetwork(nn.Module):
    """Standardise, recur, and read the state at a step with one linear layer."""

    def __init__(
        self,
        model: SequenceModel,
        moments: Moments,
        n_classes: int,
    ) -> None:
        super().__init__()
        scale = np.where(moments.varies, 1.0 / moments.spread, 0.0)
        self.standardise = Standardise(
            torch.tensor(moments.mean, dtype=torch.float32),
            torch.tensor(scale, dtype=torch.float32),
        )
        layer = nn.GRU if model.cell == "gru" else nn.LSTM
        self.recurrence = layer(
            len(scale), model.hidden, num_layers=model.layers, batch_first=True
        )
        self.head = nn.Sequential(nn.Linear(model.hidden, n_classes), Centre())

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """[n, steps, n_channels] and [n] -> logits [n, n_classes] at the last steps."""
        states, _ = self.recurrence(self.standardise(inputs))
        last = (lengths - 1)[:, None, None].expand(-1, 1, states.shape[2])
        logits: Tensor = self.head(states.gather(1, last).squeeze(1))
        return logits

    def scale_logits(self, factor: float) -> None:
        """Multiply every logit by a factor, in place."""
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(factor)

    def every_step(self, inputs: Tensor) -> Tensor:
        """[n, steps, n_channels] -> logits [n, steps, n_classes]."""
        states, _ = self.recurrence(self.standardise(inputs))
        logits: Tensor = self.head(states)
        return logits


class Steps:
    """Labelled steps of sequences: one pass over a sequence answers all of its rows.

    Parameters
    ----------
    inputs : [n_items, steps, n_channels].
    sequence, steps : [n] the item of each row, and how many steps it has seen.
    """

    def __init__(self, inputs: Tensor, sequence: Tensor, steps: Tensor) -> None:
        self.inputs = inputs
        self.sequence = sequence
        self.steps = steps
        rows = torch.arange(len(sequence), device=inputs.device)
        # [n_items, steps]: the row at each step, -1 where there is no label.
        self.row_at = torch.full(inputs.shape[:2], -1, device=inputs.device)
        self.row_at[sequence, steps - 1] = rows

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device) -> "Steps":
        """Return the same on another device."""
        return Steps(
            self.inputs.to(device), self.sequence.to(device), self.steps.to(device)
        )

    def logits(self, network: nn.Module, items: Tensor) -> tuple[Tensor, Tensor]:
        """Answer every labelled step of some sequences."""
        rows = self.row_at[items]  # [b, steps]
        labelled = rows >= 0
        rows = rows[labelled]
        every_step = getattr(network, "every_step", None)
        if every_step is None:  # a network of one's own: each row by itself
            own = items[torch.nonzero(labelled)[:, 0]]
            parts = [
                network(*self._so_far(own[part], self.steps[rows[part]]))
                for part in torch.split(torch.arange(len(rows)), ROWS_AT_ONCE)
            ]
            return torch.cat(parts), rows
        most = int(self.steps[rows].max())
        logits: Tensor = every_step(self.inputs[items, :most])
        return logits[labelled[:, :most]], rows

    def _so_far(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        most = int(lengths.max())
        step = torch.arange(most, device=lengths.device)
        seen = (step < lengths[:, None])[:, :, None]
        return torch.where(seen, self.inputs[items, :most], 0.0), lengths

    def items_of(self, rows: Tensor) -> Tensor:
        """Return the sequence of each row."""
        return self.sequence[rows]


@dataclass(frozen=True)
class SequenceFamily:
    """Sequences, what the tree sees of them, and the training steps' statistics.

    ``channels`` are mean and spread of each channel over the steps of training rows,
    ``moments`` those of the tree features.
    """

    config: Config
    table: Sequences
    split: Split
    looks: list[Look]
    channels: Moments
    extremes: tuple[Inputs, Inputs]
    moments: Moments
    Z: TreeFeatures
    name: FamilyName = "sequence"

    @property
    def most_steps(self) -> int:
        """The longest sequence that the served model accepts."""
        return self.config.data.most_steps or self.table.X.shape[1]

    def build_network(self) -> nn.Module:
        """Return an untrained network."""
        model, n_classes = self.config.model, len(self.table.classes)
        if isinstance(model, OwnModel):
            spec = NetworkSpec(
                family="sequence",
                shape=(self.most_steps, len(self.table.columns)),
                n_classes=n_classes,
                mean=self.channels.mean.astype(np.float32),
                spread=self.channels.spread.astype(np.float32),
            )
            return build_own(model, spec)
        if not isinstance(model, SequenceModel):
            raise TypeError("a network for sequences needs a SequenceModel")
        return SequenceNetwork(model, self.channels, n_classes)

    def build_features(self) -> nn.Module:
        """Return the lags, changes and statistics of inputs and lengths."""
        return SequenceFeatures(self.looks).eval()

    def examples(self, rows: Indexes) -> Examples | None:
        """Return the sequences of some rows with their labelled steps."""
        items, sequence = np.unique(self.table.sequence[rows], return_inverse=True)
        return Steps(
            torch.from_numpy(self.table.X[items]),
            torch.from_numpy(sequence),
            torch.from_numpy(self.table.steps[rows]),
        )

    def inputs(self, rows: Indexes) -> Arrays:
        """Return ([m, steps, n_channels], lengths [m])."""
        return self.table.so_far(rows)

    def servable(self, rows: Indexes) -> Indexes:
        """Return all rows."""
        return rows

    def graphs(self, network: nn.Module) -> dict[str, Graph]:
        """Return the graphs; all read lengths too."""
        names = ("input", "lengths")
        return {
            "predict": Graph(
                SequencePredictor(network).eval(),
                names,
                ("logits", "probabilities"),
                self.sample,
                ragged=True,
            ),
            "gradient": Graph(
                network, names, ("logits", "gradient"), self.sample, ragged=True
            ),
            "tree_features": Graph(
                self.build_features(),
                names,
                ("tree_features",),
                self.sample,
                ragged=True,
            ),
        }

    def sample(self, n: int, random: np.random.Generator) -> Arrays:
        """Draw sequences of fresh lengths, each value of its channel's training rows.

        Padding is drawn too: an answer must not depend on it.
        """
        most = int(random.integers(1, min(self.most_steps, SAMPLED_STEPS) + 1))
        lengths = random.integers(1, most + 1, size=n)
        rows = self.split.train[random.integers(0, len(self.split.train), (n, most))]
        step = (random.random((n, most)) * self.table.steps[rows]).astype(np.int64)
        return self.table.X[self.table.sequence[rows], step], lengths

    def describe_input(self) -> InputSchema:
        """Return the channels and the most steps."""
        low, high = self.extremes
        features = tuple(
            InputFeature(
                name=column.name,
                kind="numeric",
                unit=column.unit,
                minimum=float(low[i]),
                maximum=float(high[i]),
            )
            for i, column in enumerate(self.table.columns)
        )
        return InputSchema(shape=(self.most_steps, len(features)), features=features)

    def describe_tree_features(self) -> tuple[TreeFeature, ...]:
        """Return the lags, changes and statistics."""
        return describe_looks(
            self.looks, self.table.columns, self.Z[self.split.train], self.moments
        )

    def reference(self, network: nn.Module) -> dict[str, NDArray[np.generic]]:
        """Return mean and spread of each channel."""
        return {
            MEAN: self.channels.mean.astype(np.float32),
            SPREAD: self.channels.spread.astype(np.float32),
        }


SAMPLED_STEPS = 200
"""Steps of the sequences that exported graphs are checked on, at most."""


class SequencePredictor(nn.Module):
    """Inputs and lengths -> logits and probabilities: what predict.onnx holds."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return ([n, n_classes], [n, n_classes])."""
        logits = self.network(inputs, lengths)
        return logits, torch.softmax(logits, dim=1)


def prepare_sequences(config: Config, raw: RawSequences) -> SequenceFamily:
    """Check, divide and describe sequences; raises DataError."""
    table = build_sequences(raw, config.data)
    longest = table.X.shape[1]
    if config.data.most_steps is not None and config.data.most_steps < longest:
        raise ConfigError(
            f"[data] most_steps is {config.data.most_steps}, but the longest sequence "
            f"has {longest} steps"
        )
    split = split_table(table, config.data.split, config.data.seed)
    seen = _steps_of(table, split.train)
    looks = plan_looks(config.tree_features)
    Z = compute_features(table, looks)
    return SequenceFamily(
        config=config,
        table=table,
        split=split,
        looks=looks,
        channels=measure_moments(seen),
        extremes=(seen.min(axis=0), seen.max(axis=0)),
        moments=measure_moments(Z[split.train]),
        Z=Z,
    )


def _steps_of(table: Sequences, rows: Indexes) -> Inputs:
    """Return every step of the sequences of some rows, [n_steps, n_channels]."""
    items = np.unique(table.sequence[rows])
    inside = np.arange(table.X.shape[1]) < table.lengths[items, None]
    return table.X[items][inside]


def compute_features(table: Sequences, looks: list[Look]) -> TreeFeatures:
    """Return the tree features of every row, [n, n_tree_features] float32."""
    module = SequenceFeatures(looks).eval()
    parts = []
    for start in range(0, len(table), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(table)))
        inputs, lengths = table.so_far(rows)
        with torch.no_grad():
            features = module(torch.from_numpy(inputs), torch.from_numpy(lengths))
        parts.append(features.numpy())
    return np.concatenate(parts)
