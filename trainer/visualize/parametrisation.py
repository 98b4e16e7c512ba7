"""How a picture is described while it is optimised: by pixels or by frequencies.

In pixels, gradient ascent fills a picture with high-frequency noise that the network
answers to and nobody recognises. Described by its Fourier coefficients, each divided by
its frequency, and by decorrelated colours, the same ascent meets the statistics of
photographs halfway (Olah et al. 2017, "Preconditioning and Parameterization").

References
----------
Olah, Mordvintsev, Schubert: "Feature Visualization", Distill 2017,
https://distill.pub/2017/feature-visualization/. Constants are those of its code, lucid.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Floats

Parametrisation = Literal["fourier", "pixel"]

SPECTRUM_SD = 0.01
"""Standard deviation of the first spectrum: lucid's."""
DECAY = 1.0
"""Power of 1 / frequency."""
_COLOUR_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Square root of the colour covariance of ImageNet's pixels: lucid's."""
_MAGIC = 4.0
"""lucid divides by it, so that a first picture is low in contrast."""


class Picture(nn.Module):
    """Parameters that stand for a batch of inputs inside [low, high].

    Parameters
    ----------
    low, high : [n_channels] bounds of pixel values, in the network's input units.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Floats, high: Floats) -> None:
        super().__init__()
        for name, bound in (("low", low), ("high", high)):
            values = torch.as_tensor(bound, dtype=torch.float32)
            self.register_buffer(name, values[:, None, None])

    def plain(self) -> Tensor:
        """Return unbounded values, [n, n_channels, height, width]."""
        raise NotImplementedError

    def forward(self) -> Tensor:
        """Return pixels in input units, [n, n_channels, height, width]."""
        return self.low + (self.high - self.low) * torch.sigmoid(self.plain())


class Pixels(Picture):
    """One parameter a pixel: the control that shows why the other is needed."""

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        low: Floats,
        high: Floats,
        seed: int,
        *,
        colours: bool = True,
    ) -> None:
        super().__init__(low, high)
        generator = torch.Generator().manual_seed(seed)
        drawn = SPECTRUM_SD * torch.randn(shape, generator=generator)
        self.values = nn.Parameter(drawn)

    def plain(self) -> Tensor:
        """Return the parameters themselves."""
        return self.values


class Fourier(Picture):
    """Frequencies instead of pixels; colours decorrelated where there are three.

    Parameters
    ----------
    shape : (n, n_channels, height, width).
    seed : of the first spectrum.
    colours : whether three channels are colours; those of a sequence are not.
    """

    scale: Tensor
    colours: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        low: Floats,
        high: Floats,
        seed: int,
        *,
        colours: bool = True,
    ) -> None:
        super().__init__(low, high)
        *batch, height, width = shape
        self.size = (height, width)
        generator = torch.Generator().manual_seed(seed)
        scale = spectrum_scale(height, width)
        drawn = torch.randn((*batch, *scale.shape, 2), generator=generator)
        self.spectrum = nn.Parameter(SPECTRUM_SD * drawn)
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        mixing = colour_matrix() if colours and batch[1] == 3 else np.eye(batch[1])
        self.register_buffer("colours", torch.as_tensor(mixing, dtype=torch.float32))

    def plain(self) -> Tensor:
        """Return the inverse transform of the scaled spectrum, colours mixed back."""
        scaled = torch.view_as_complex(self.spectrum) * self.scale
        values = torch.fft.irfft2(scaled, s=self.size, norm="ortho") / _MAGIC
        return torch.einsum("nchw,dc->ndhw", values, self.colours)


PARAMETRISATIONS: dict[Parametrisation, type[Fourier] | type[Pixels]] = {
    "fourier": Fourier,
    "pixel": Pixels,
}


def spectrum_scale(height: int, width: int) -> Floats:
    """Return the factor of each coefficient, [height, width // 2 + 1].

    1 / max(f, 1 / max(height, width)), f in cycles a pixel: the amplitudes of
    photographs fall about like 1 / f.
    """
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.rfftfreq(width)[None]
    frequency = np.sqrt(rows**2 + columns**2)
    floor = 1.0 / max(height, width)
    return np.asarray(1.0 / np.maximum(frequency, floor) ** DECAY)


def colour_matrix() -> Floats:
    """Return [3, 3]: decorrelated colours -> RGB, the longest column of length 1."""
    root = np.array(_COLOUR_ROOT)
    return np.asarray(root / np.linalg.norm(root, axis=0).max())
