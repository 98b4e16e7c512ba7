"""A map drawn over the picture that it explains, as a PNG."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.manifest import InputSchema
from explainers.png import encode_png

LEGIBLE = 224
"""Pixels of the shorter side, at least: smaller pictures are enlarged."""
SHARE = 0.55
"""Of the colour in the blend: less hides the map, more the picture."""

INFERNO = np.frombuffer(
    bytes.fromhex(
        "0000040403120b0724150b37210c4a2f0a5b3d09654a0c6b57106e64156e71196e"
        "7d1e6d8a226a972766a32c61b0315bbc3754c63d4dd04545da4e3ce35933eb6429"
        "f1711ff67e14f98c0afb9b06fcaa0ffbba1ff9c932f5d949f2e865f3f586fcffa4"
    ),
    dtype=np.uint8,
).reshape(-1, 3)
"""Every eighth colour of inferno (S. van der Walt and N. Smith, CC0), dark to bright:
equal steps of the map look equally large, in grey and to the colour-blind too."""


def draw_overlay(
    schema: InputSchema, picture: NDArray[np.float32], normalised: NDArray[np.float32]
) -> bytes:
    """Return a PNG of a picture under a coloured map.

    Parameters
    ----------
    schema : gives each channel's range in training: black to white.
    picture : one input, [n_channels, height, width] raw values. Three channels are
        colours; of any other number the mean is shown in grey.
    normalised : [h, w], 0 to 1, of any size; resized bilinearly.

    Returns
    -------
    A picture of the input's size, or of the smallest multiple of it that is legible.
    """
    factor = max(1, math.ceil(LEGIBLE / min(picture.shape[1:])))
    seen = as_colours(schema, picture).repeat(factor, axis=0).repeat(factor, axis=1)
    heat = colour(resize(normalised, seen.shape[0], seen.shape[1]))
    blend = (1 - SHARE) * seen + SHARE * heat
    return encode_png(np.rint(blend).astype(np.uint8))


def as_colours(schema: InputSchema, picture: NDArray[np.float32]) -> NDArray[Any]:
    """Return [height, width, 3] float64 from 0 to 255 of one input."""
    low, high = (
        np.array([getattr(channel, end) for channel in schema.features])[:, None, None]
        for end in ("minimum", "maximum")
    )
    share = np.clip((picture - low) / np.where(high > low, high - low, 1), 0, 1)
    if len(share) != 3:
        share = np.repeat(share.mean(axis=0, keepdims=True), 3, axis=0)
    return np.moveaxis(255 * share, 0, -1)


def colour(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the colours of values from 0 to 1: [..., 3], 0 to 255."""
    steps = np.linspace(0, 1, len(INFERNO))
    channels = [np.interp(values, steps, INFERNO[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1)


def resize(values: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Resize [h, w] bilinearly, pixel centres at half, edges repeated."""
    rows, columns = (
        _weights(size, wanted)
        for size, wanted in zip(values.shape, (height, width), strict=True)
    )
    resized: NDArray[np.float64] = rows @ values @ columns.T
    return resized


def _weights(size: int, wanted: int) -> NDArray[np.float64]:
    """Return [wanted, size]: how much each old pixel counts for each new one."""
    centres = (np.arange(wanted) + 0.5) * size / wanted - 0.5
    at = np.clip(centres, 0, size - 1)[:, None]
    weights: NDArray[np.float64] = np.maximum(0, 1 - np.abs(at - np.arange(size)))
    return weights
