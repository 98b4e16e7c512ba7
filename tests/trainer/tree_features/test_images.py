"""Patch means against plain slices."""

import numpy as np
import torch

from trainer.config import TreeFeaturesConfig
from trainer.tree_features.images import PatchMeans, plan_grid


def test_means_of_uneven_patches():
    X = np.random.default_rng(0).uniform(0, 255, (3, 2, 11, 7)).astype(np.float32)
    grid = plan_grid(TreeFeaturesConfig(grid=(4, 3)), 11, 7)
    found = PatchMeans(grid)(torch.from_numpy(X)).numpy()
    assert found.shape == (3, 2 * 12)
    assert sum(h * w for _, _, h, w in grid.patches) == 77
    for channel in range(2):
        for i, (top, left, height, width) in enumerate(grid.patches):
            patch = X[:, channel, top : top + height, left : left + width]
            np.testing.assert_allclose(
                found[:, channel * 12 + i], patch.mean((1, 2)), rtol=1e-5
            )


def test_default_grids():
    for side, patches in ((3, 3), (8, 4), (28, 7), (224, 8)):
        grid = plan_grid(TreeFeaturesConfig(), side, side)
        assert len(grid.rows) == len(grid.columns) == patches + 1
