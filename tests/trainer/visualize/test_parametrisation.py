"""Pictures by frequencies beside numpy's transform, and inside their bounds."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

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


def test_decorrelated_colours_become_red_green_and_blue():
    made = Fourier((1, 3, 8, 8), ZERO, ONE, seed=1)
    spectrum = made.spectrum.detach().numpy()
    scaled = (spectrum[..., 0] + 1j * spectrum[..., 1]) * spectrum_scale(8, 8)
    decorrelated = np.fft.irfft2(scaled, s=(8, 8), norm="ortho") / 4
    # Each pixel is the matrix times its three decorrelated values.
    pixels = np.moveaxis(decorrelated, 1, -1) @ colour_matrix().T
    np.testing.assert_allclose(
        np.moveaxis(made.plain().detach().numpy(), 1, -1), pixels, atol=1e-6
    )


def test_colours_vary_together_as_in_photographs():
    # A photograph of a grey day and one of a coloured flower; lucid's are of ImageNet.
    grey, coloured = (
        np.corrcoef(load_sample_image(name).reshape(-1, 3).T / 255)
        for name in ("china.jpg", "flower.jpg")
    )
    ours = colour_matrix() @ colour_matrix().T
    deviations = np.sqrt(np.diag(ours))
    ours /= np.outer(deviations, deviations)
    for pair in ((0, 1), (0, 2), (1, 2)):
        assert coloured[pair] < ours[pair] < grey[pair]
    np.testing.assert_allclose(deviations, deviations.mean(), rtol=0.1)


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
