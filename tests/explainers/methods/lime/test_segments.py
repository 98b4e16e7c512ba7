"""Dividing sequences and pictures: how many parts, how even, and along which edges."""

import numpy as np
import pytest

from explainers.methods.lime.segments import (
    grid_segments,
    slic_segments,
    time_segments,
)


def _sizes(segments):
    numbers, counts = np.unique(segments, return_counts=True)
    assert numbers.tolist() == list(range(len(numbers)))  # no gaps
    return counts


@pytest.mark.parametrize("length", [1, 3, 8, 21])
def test_spans_are_even_and_each_channel_has_its_own(length):
    segments = time_segments(length, 3, 8)
    counts = _sizes(segments)
    assert len(counts) == 3 * min(length, 8)
    assert counts.max() - counts.min() <= 1
    for channel in range(3):
        assert (segments[:, channel] % 3 == channel).all()
        assert (np.diff(segments[:, channel]) >= 0).all()


@pytest.mark.parametrize(
    ("height", "width", "count", "found"),
    [(8, 8, 16, 16), (8, 8, 1, 1), (30, 10, 12, 12), (2, 2, 64, 4), (1, 9, 3, 3)],
)
def test_a_grid_has_as_many_nearly_equal_cells(height, width, count, found):
    segments = grid_segments(height, width, count)
    assert segments.shape == (height, width)
    counts = _sizes(segments)
    assert len(counts) == found
    assert counts.max() <= 2 * counts.min()


def test_slic_keeps_to_the_edges_of_colours():
    # The border lies inside the cells of a 4 x 4 grid: columns 5 and 11 of 16.
    picture = np.zeros((3, 16, 16), dtype=np.float32)
    picture[0, :, 5:11] = 1
    picture[2, :, 11:] = 1
    colour = np.digitize(np.arange(16), [5, 11])
    segments = slic_segments(picture, 16)
    counts = _sizes(segments)
    assert 8 <= len(counts) <= 16
    for number in range(len(counts)):
        _, columns = np.nonzero(segments == number)
        assert len(set(colour[columns])) == 1
    grid = grid_segments(16, 16, 16)
    assert any(len(set(colour[np.nonzero(grid == n)[1]])) > 1 for n in range(16))


@pytest.mark.parametrize("value", [0.0, 255.0])
def test_slic_of_one_colour_is_the_grid(value):
    picture = np.full((1, 12, 12), value, dtype=np.float32)
    assert np.array_equal(slic_segments(picture, 9), grid_segments(12, 12, 9))
