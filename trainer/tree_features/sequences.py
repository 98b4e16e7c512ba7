"""Tree features of a sequence: its last value, and what came before, in plain words.

The same module computes them in training and is exported as tree_features.onnx. They
look at the last valid step and back, never at padding, so they do not depend on how
far a batch is padded.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import TreeFeatures
from explainers.manifest import TreeFeature
from trainer.config import TreeFeaturesConfig
from trainer.data.columns import Column
from trainer.data.encoding import Moments

Quantity: TypeAlias = Literal[
    "last", "lag", "change", "mean", "lowest", "highest", "deviation"
]


@dataclass(frozen=True)
class Look:
    """One quantity of every channel.

    ``back`` is how many steps earlier a lag looks or a change begins, ``window`` how
    many last steps a statistic covers; None: all steps so far.
    """

    quantity: Quantity
    back: int = 0
    window: int | None = None

    def describe(self, channel: str) -> str:
        """Return the feature in words, such as "pulse, mean of last 3 steps"."""
        if self.quantity == "last":
            return f"{channel}, last step"
        if self.quantity == "lag":
            return f"{channel}, {_steps(self.back)} earlier"
        if self.quantity == "change":
            return f"{channel}, change over {_steps(self.back)}"
        if self.window is None:
            return f"{channel}, {self.quantity} so far"
        return f"{channel}, {self.quantity} of last {self.window} steps"

    @property
    def steps(self) -> int | None:
        """How many last steps the feature looks at; None for all."""
        return self.window if self.quantity in STATISTICS else self.back + 1


STATISTICS: tuple[Quantity, ...] = ("mean", "lowest", "highest", "deviation")


def _steps(n: int) -> str:
    return "1 step" if n == 1 else f"{n} steps"


def plan_looks(config: TreeFeaturesConfig) -> list[Look]:
    """List the quantities that a configuration asks for, each once."""
    looks = [Look("last")]
    looks += [Look("lag", back=lag) for lag in sorted(set(config.lags))]
    looks += [Look("change", back=back) for back in sorted(set(config.differences))]
    windows: list[int | None] = [*sorted(set(config.windows))]
    for window in [*windows, *([None] if config.so_far else [])]:
        asked = [name for name in STATISTICS if name in config.statistics]
        looks += [Look(name, window=window) for name in asked]
    return looks


class SequenceFeatures(nn.Module):
    """Inputs [n, steps, n_channels] and lengths [n] -> [n, n_looks * n_channels].

    Steps before the start of a sequence do not exist: a lag or a change that would
    reach further back takes the first step, a window takes the steps that there are.
    The deviation is that of the population (divided by the number of steps).
    """

    def __init__(self, looks: list[Look]) -> None:
        super().__init__()
        self.looks = looks
        self.reach = max(look.steps or 1 for look in looks)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the features; look by look, each for all channels."""
        back = torch.arange(self.reach)[None, :]  # [1, reach]
        position = torch.clamp(lengths[:, None] - 1 - back, min=0)
        index = position[:, :, None].expand(-1, -1, inputs.shape[2])
        recent = torch.gather(inputs, 1, index)  # [n, reach, channels], newest first
        exists = (back < lengths[:, None])[:, :, None]
        step = torch.arange(inputs.shape[1])[None, :]
        seen = (step < lengths[:, None])[:, :, None]  # [n, steps, 1]
        return torch.cat(
            [self._look(look, inputs, seen, recent, exists) for look in self.looks],
            dim=1,
        )

    def _look(
        self, look: Look, inputs: Tensor, seen: Tensor, recent: Tensor, exists: Tensor
    ) -> Tensor:
        if look.quantity == "last":
            return recent[:, 0]
        if look.quantity == "lag":
            return recent[:, look.back]
        if look.quantity == "change":
            return recent[:, 0] - recent[:, look.back]
        if look.window is None:
            return _statistic(look.quantity, inputs, seen)
        values, valid = recent[:, : look.window], exists[:, : look.window]
        return _statistic(look.quantity, values, valid)


def _total(values: Tensor) -> Tensor:
    """Sum over axis 1, step after step: a plain sum is vectorised, and rounds
    otherwise when zeros are appended.
    """
    return torch.cumsum(values, dim=1)[:, -1]


def _statistic(quantity: Quantity, values: Tensor, valid: Tensor) -> Tensor:
    """Summarise [n, k, channels] over the k steps where ``valid`` [n, k, 1]."""
    if quantity == "lowest":
        return torch.where(valid, values, torch.inf).amin(dim=1)
    if quantity == "highest":
        return torch.where(valid, values, -torch.inf).amax(dim=1)
    count = valid.to(values.dtype).sum(dim=1)  # [n, 1]
    mean = _total(torch.where(valid, values, 0.0)) / count
    if quantity == "mean":
        return mean
    # In two passes: the difference of two large squares would lose the deviation.
    gaps = torch.where(valid, values - mean[:, None], 0.0)
    return torch.sqrt(_total(gaps * gaps) / count)


def describe_looks(
    looks: list[Look],
    channels: tuple[Column, ...],
    Z_train: TreeFeatures,
    moments: Moments,
) -> tuple[TreeFeature, ...]:
    """Return what the manifest says about each feature, in the columns' order."""
    low, high = np.min(Z_train, axis=0), np.max(Z_train, axis=0)
    pairs = [(look, i) for look in looks for i in range(len(channels))]
    return tuple(
        TreeFeature(
            name=look.describe(channels[i].name),
            source=i,
            unit=channels[i].unit,
            mean=float(moments.mean[column]),
            spread=float(moments.spread[column]),
            minimum=float(low[column]),
            maximum=float(high[column]),
            window=look.steps,
        )
        for column, (look, i) in enumerate(pairs)
    )
