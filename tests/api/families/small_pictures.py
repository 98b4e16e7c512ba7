"""Coloured pictures as a user's own loader would give them."""

import numpy as np

from trainer.data.raw import RawImages


def patches() -> RawImages:
    """240 pictures of 5 x 7 pixels, 0 to 255; the red of the upper half decides."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (240, 5, 7, 3))
    red = random.random(240) < 0.5
    pixels[red, :3, :, 0] //= 2
    return RawImages(pixels, ["dim" if dark else "bright" for dark in red])
