"""Tree features of a picture: the mean of each patch of a grid."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.arrays import TreeFeatures
from explainers.manifest import TreeFeature
from trainer.config import TreeFeaturesConfig
from trainer.data.columns import Column
from trainer.data.encoding import Moments
from trainer.errors import ConfigError

PATCH_PIXELS = 4
FEWEST, MOST = 4, 8
"""Patches along one side when the configuration says nothing: about 4 pixels each, but
between 4 and 8, since a reader must find them in the picture."""


@dataclass(frozen=True)
class Grid:
    """Where patches begin and end: edges of rows and of columns, first 0, last size."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def patches(self) -> list[tuple[int, int, int, int]]:
        """Top, left, height, width of each patch, row by row."""
        return [
            (top, left, bottom - top, right - left)
            for top, bottom in zip(self.rows, self.rows[1:], strict=False)
            for left, right in zip(self.columns, self.columns[1:], strict=False)
        ]


def plan_grid(config: TreeFeaturesConfig, height: int, width: int) -> Grid:
    """Divide a picture as evenly as whole pixels allow.

    Raises
    ------
    ConfigError
        More patches than pixels along a side.
    """
    counts = config.grid or (_default(height), _default(width))
    for count, size in zip(counts, (height, width), strict=True):
        if count > size:
            raise ConfigError(
                f"[tree_features] grid is {list(counts)}, but the pictures have "
                f"{height} x {width} pixels"
            )
    return Grid(_edges(height, counts[0]), _edges(width, counts[1]))


def _default(size: int) -> int:
    return min(size, max(FEWEST, min(MOST, round(size / PATCH_PIXELS))))


def _edges(size: int, count: int) -> tuple[int, ...]:
    return tuple(round(size * i / count) for i in range(count + 1))


def _averaging(edges: tuple[int, ...]) -> NDArray[np.float32]:
    """Return [n_patches, size]: row i averages the pixels of patch i."""
    matrix = np.zeros((len(edges) - 1, edges[-1]), dtype=np.float32)
    for i, (start, stop) in enumerate(zip(edges, edges[1:], strict=False)):
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


class PatchMeans(nn.Module):
    """Inputs [n, n_channels, height, width] -> [n, n_channels * patches] means."""

    by_row: Tensor
    by_column: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.register_buffer("by_row", torch.from_numpy(_averaging(grid.rows)))
        columns = torch.from_numpy(_averaging(grid.columns)).T.contiguous()
        self.register_buffer("by_column", columns)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the means in the inputs' unit; channel by channel, row by row."""
        means = self.by_row @ inputs @ self.by_column
        return means.flatten(1)


def describe_patches(
    grid: Grid,
    channels: tuple[Column, ...],
    Z_train: TreeFeatures,
    moments: Moments,
) -> tuple[TreeFeature, ...]:
    """Return what the manifest says about each patch, in the columns' order."""
    low, high = np.min(Z_train, axis=0), np.max(Z_train, axis=0)
    pairs = [(i, patch) for i in range(len(channels)) for patch in grid.patches]
    return tuple(
        TreeFeature(
            name=_name(channels, i, patch),
            source=i,
            unit=channels[i].unit,
            mean=float(moments.mean[column]),
            spread=float(moments.spread[column]),
            minimum=float(low[column]),
            maximum=float(high[column]),
            patch=patch,
        )
        for column, (i, patch) in enumerate(pairs)
    )


def _name(
    channels: tuple[Column, ...], i: int, patch: tuple[int, int, int, int]
) -> str:
    top, left, height, width = patch
    where = f"{_range('row', top, height)}, {_range('column', left, width)}"
    mean = where if height * width == 1 else f"mean of {where}"
    return mean if len(channels) == 1 else f"{channels[i].name}, {mean}"


def _range(what: str, start: int, size: int) -> str:
    return f"{what} {start}" if size == 1 else f"{what}s {start}-{start + size - 1}"
