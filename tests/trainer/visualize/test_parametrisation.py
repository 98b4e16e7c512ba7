"""Pictures by frequencies beside numpy's transform, and inside their bounds."""

import numpy as np
import pytest
import torch

from trainer.visualize.parametrisation import (
    PARAMETRISATIONS,
    Fourier,
    colour_matrix,
    spectrum_scale,
)

ZERO, ONE = np.zeros(3), np.ones(3)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9), (16, 10)])
def test_the_picture_is_numpy_s_inverse_transform(height, width):
    made = Fourier((2, 1, height, width), ZERO[:1], ONE[:1], seed=3)
    spectrum = made.spectrum.detach().numpy()
    scaled = (spectrum[..., 0] + 1j * spectrum[..., 1]) * spectrum_scale(height, width)
    plain = np.fft.irfft2(scaled, s=(height, width), norm="ortho") / 4
    np.testing.assert_allclose(made.plain().detach().numpy(), plain, atol=1e-5)
    np.testing.assert_allclose(
        made().detach().numpy(), 1 / (1 + np.exp(-plain)), atol=1e-6
    )


def test_low_frequencies_are_louder():
    scale = spectrum_scale(8, 8)
    assert scale[0, 0] == scale[0, 1] == 8  # the mean counts as the lowest
    assert scale[0, 2] == scale[2, 0] == 4
    assert (np.diff(scale[0, 1:]) < 0).all()


def test_three_channels_get_the_colours_of_photographs():
    made = Fourier((1, 3, 8, 8), ZERO, ONE, seed=0)
    grey = Fourier((1, 2, 8, 8), ZERO[:2], ONE[:2], seed=0)
    np.testing.assert_allclose(made.colours.numpy(), colour_matrix(), atol=1e-7)
    assert torch.equal(grey.colours, torch.eye(2))
    assert np.linalg.norm(colour_matrix(), axis=0).max() == pytest.approx(1)
    # The first colour is grey: all three channels rise together.
    assert np.ptp(colour_matrix()[:, 0]) < 0.05


@pytest.mark.parametrize("name", PARAMETRISATIONS)
def test_pixels_stay_in_their_range_and_follow_the_seed(name):
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 255.0])
    make = PARAMETRISATIONS[name]
    first, again, other = (make((1, 2, 6, 6), low, high, s) for s in (0, 0, 1))
    assert torch.equal(first(), again())
    assert not torch.equal(first(), other())
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.mul_(1e4)
    pixels = first()[0]
    assert pixels.min() < -0.9
    assert (pixels.amin((1, 2)) >= torch.tensor([-1.0, 0.0])).all()
    assert (pixels.amax((1, 2)) <= torch.tensor([1.0, 255.0])).all()
