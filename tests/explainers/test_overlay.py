"""Overlays against torch's resizing, matplotlib's colours and Pillow's PNG reader."""

import io

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from explainers.manifest import InputFeature, InputSchema
from explainers.overlay import SHARE, as_colours, colour, draw_overlay, resize
from explainers.png import encode_png


def schema(channels, size, high=255.0):
    features = tuple(
        InputFeature(name=str(i), kind="numeric", minimum=0.0, maximum=high)
        for i in range(channels)
    )
    return InputSchema(shape=(channels, *size), features=features)


def read(png):
    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        return picture.mode, np.asarray(picture)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (300, 2)])
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_pillow_reads_what_was_written(size, channels, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    found_mode, found = read(encode_png(pixels))
    assert found_mode == mode
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("wanted", [(4, 4), (224, 224), (9, 30), (3, 2)])
def test_maps_are_resized_as_torch_does(wanted):
    values = np.random.default_rng(0).random((4, 5))
    oracle = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], wanted, mode="bilinear"
    )
    np.testing.assert_allclose(resize(values, *wanted), oracle[0, 0], atol=1e-12)


def test_colours_are_inferno_s():
    values = np.linspace(0, 1, 256)
    oracle = 255 * colormaps["inferno"](np.arange(256))[:, :3]
    assert np.abs(colour(values) - oracle).max() < 2


@pytest.mark.parametrize(
    ("size", "drawn"), [((8, 8), 224), ((7, 7), 224), ((224, 224), 224)]
)
def test_small_pictures_are_enlarged_by_whole_pixels(size, drawn):
    picture = np.full((1, *size), 255, np.float32)
    _, found = read(draw_overlay(schema(1, size), picture, np.zeros((4, 4))))
    assert found.shape == (drawn, drawn, 3)
    white_under_black = np.rint((1 - SHARE) * 255 + SHARE * np.array([0, 0, 4]))
    np.testing.assert_array_equal(found[3, 5], white_under_black)


def test_pictures_are_shown_from_black_to_white_in_their_own_range():
    picture = np.float32([[[0, 8, 16, 99]]])
    shown = as_colours(schema(1, (1, 4), high=16.0), picture)
    np.testing.assert_array_equal(shown[0, :, 0], [0, 127.5, 255, 255])
    two = np.float32([[[0]], [[16]]])
    shown = as_colours(schema(2, (1, 1), high=16.0), two)
    np.testing.assert_array_equal(shown, [[[127.5] * 3]])
