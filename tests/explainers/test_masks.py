"""Counting in masks equals numpy's own counting."""

import numpy as np
import pytest

from explainers.masks import all_finite, count_true


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 4), (2, 3, 4)])
def test_count_is_numpys(shape):
    values = np.random.default_rng(0).normal(size=shape)
    for mask in (values > 0, (values > 0).T, (values > 9), values[..., ::2] > 0):
        assert count_true(mask) == np.count_nonzero(mask)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_value_that_is_not_finite_is_found(dtype):
    largest = np.full((7, 3), np.finfo(dtype).max, dtype=dtype)
    assert all_finite(largest)
    assert all_finite(-largest)
    for value in (np.nan, np.inf, -np.inf):
        values = largest.copy()
        values[6, 2] = value
        assert not all_finite(values)
