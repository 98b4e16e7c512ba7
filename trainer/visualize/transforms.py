"""Small random movements between steps: what survives them is not noise.

Pad, jitter, scale and rotate are one affine map, sampled once at the input's own size.
lucid applies them one after another, five resamplings and crops of a larger picture,
and hands the network whatever size comes out; a network with a fixed size cannot take
that, and each resampling blurs.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Robustness:
    """How far a picture may be moved between steps.

    ``jitter`` is the largest shift as a share of the side (lucid: 8 and 4 of 224
    pixels), ``scale`` the largest relative change of size, ``degrees`` the largest
    rotation.
    The rim beyond the picture is the middle of the value range.
    """

    jitter: float = 12 / 224
    scale: float = 0.1
    degrees: float = 10.0


STANDARD = Robustness()


def move(
    pictures: Tensor, middle: Tensor, amount: Robustness, generator: torch.Generator
) -> Tensor:
    """Return each picture moved by its own random map.

    Parameters
    ----------
    pictures : [n, n_channels, height, width].
    middle : broadcastable to one picture; what lies beyond the rim.
    """
    grid = torch.nn.functional.affine_grid(
        draw_maps(len(pictures), amount, generator),
        list(pictures.shape),
        align_corners=False,
    )
    moved: Tensor = torch.nn.functional.grid_sample(
        pictures - middle, grid, padding_mode="zeros", align_corners=False
    )
    return moved + middle


def draw_maps(n: int, amount: Robustness, generator: torch.Generator) -> Tensor:
    """Return [n, 2, 3] float32: maps from output to input places, in [-1, 1]."""
    drawn = torch.rand(n, 4, generator=generator) * 2 - 1  # uniform in [-1, 1]
    angle = math.radians(amount.degrees) * drawn[:, 0]
    size = 1 + amount.scale * drawn[:, 1]
    shift = 2 * amount.jitter * drawn[:, 2:]  # the side is 2 long
    cos, sin = angle.cos() / size, angle.sin() / size
    rotation = torch.stack([cos, -sin, sin, cos], dim=1).reshape(n, 2, 2)
    return torch.cat([rotation, shift[:, :, None]], dim=2)
