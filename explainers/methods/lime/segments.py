"""Dividing a sequence or a picture into the parts that LIME takes away."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs

Segments = NDArray[np.int64]
Segmentation = Literal["grid", "slic"]

ROUNDS = 10
"""Of k-means; the paper finds that ten are enough for most pictures."""

COLOUR = 10.0
"""How much a picture's whole range of colours counts beside one segment's side."""


def time_segments(length: int, channels: int, count: int) -> Segments:
    """Divide a sequence into ``count`` spans of each channel: [length, channels].

    As evenly as whole steps allow; one step each where there are fewer.
    """
    count = min(count, length)
    span = np.arange(length) * count // length
    return span[:, None] * channels + np.arange(channels)


def grid_segments(height: int, width: int, count: int) -> Segments:
    """Divide a picture into about ``count`` rectangles, nearly square: [height, width].

    At most one a pixel.
    """
    rows, columns = _grid(height, width, count)
    row = np.arange(height) * rows // height
    column = np.arange(width) * columns // width
    return row[:, None] * columns + column


def _grid(height: int, width: int, count: int) -> tuple[int, int]:
    """Return how many rows and columns of nearly square cells make about ``count``."""
    rows = min(height, max(1, round(math.sqrt(count * height / width))))
    return rows, min(width, max(1, round(count / rows)))


def slic_segments(picture: Inputs, count: int) -> Segments:
    """Divide a picture into about ``count`` segments of similar colour, close together.

    k-means over colour and place that starts from a grid. Unlike the paper's, a pixel
    looks at every centre, colours are taken as they are (in units of the picture's own
    range), and a segment may be in several pieces.

    Parameters
    ----------
    picture : [n_channels, height, width] float32.

    Returns
    -------
    [height, width], numbered from 0 without gaps.

    References
    ----------
    Achanta et al. 2012, SLIC superpixels, section 4.
    """
    _, height, width = picture.shape
    labels = grid_segments(height, width, count)
    step = math.sqrt(height * width / (int(labels.max()) + 1))
    points = np.concatenate([_scaled(picture), np.indices((height, width)) / step])
    for _ in range(ROUNDS):
        before, labels = labels, _assign(points, _centres(points, labels))
        if np.array_equal(before, labels):
            break
    return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def _scaled(picture: Inputs) -> Floats:
    """Return the colours in units of COLOUR / the picture's range; 0 where constant."""
    low, high = float(picture.min()), float(picture.max())
    scale = COLOUR / (high - low) if high > low else 0.0
    return np.asarray((picture.astype(np.float64) - low) * scale)


def _centres(points: Floats, labels: Segments) -> Floats:
    """Return the mean point of each segment that has any: [n_segments, n_axes]."""
    flat = labels.ravel()
    counts = np.bincount(flat)
    sums = np.stack([np.bincount(flat, weights=axis.ravel()) for axis in points], 1)
    return np.asarray(sums[counts > 0] / counts[counts > 0, None])


def _assign(points: Floats, centres: Floats) -> Segments:
    """Return the nearest centre of each pixel: [height, width]."""
    halves = (centres**2).sum(axis=1)[:, None] / 2
    lines = np.moveaxis(points, 1, 0)  # one at a time: all distances would fill memory
    return np.stack([(halves - centres @ line).argmin(axis=0) for line in lines])
