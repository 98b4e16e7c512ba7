"""Pictures become channels-first arrays, or an error that names the pixel."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explainers.errors import InstanceError
from explainers.images import decode_image, encode_images
from explainers.manifest import InputFeature, InputSchema


def schema(*names):
    """2 rows of 3 pixels."""
    features = tuple(InputFeature(name=name, kind="numeric") for name in names)
    return InputSchema(shape=(len(names), 2, 3), features=features)


GREY, RGB = schema("grey"), schema("red", "green", "blue")
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ZERO = [[0, 0, 0], [0, 0, 0]]


@given(arrays(np.float32, (4, 2, 3, 3), elements=NUMBERS))
def test_colours_are_read_pixel_by_pixel_and_kept_channel_by_channel(pictures):
    for instances in (pictures.tolist(), list(pictures), pictures):
        inputs = encode_images(RGB, instances)
        assert inputs.dtype == np.float32
        assert np.array_equal(inputs, pictures.transpose(0, 3, 1, 2))


@given(arrays(np.float32, (2, 3), elements=NUMBERS))
def test_a_grey_pixel_is_a_number_or_a_list_of_one(picture):
    nested = picture[..., None]
    written = (picture.tolist(), nested.tolist(), picture, nested)
    for row in encode_images(GREY, written):
        assert np.array_equal(row, picture[None])


@given(arrays(np.float32, (2, 3, 3), elements=NUMBERS))
def test_a_row_decodes_to_the_picture_that_it_came_from(picture):
    for kind, instance in ((RGB, picture.tolist()), (GREY, picture[..., 0].tolist())):
        row = encode_images(kind, [instance])[0]
        assert np.array_equal(np.float32(decode_image(row)), np.float32(instance))
        assert np.array_equal(encode_images(kind, [decode_image(row)])[0], row)


def test_integers_and_bytes_are_numbers():
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(encode_images(GREY, [picture])[0, 0], picture)
    assert np.array_equal(encode_images(GREY, [picture.tolist()])[0, 0], picture)


def with_pixel(value, row=1, column=2):
    picture = [list(line) for line in ZERO]
    picture[row][column] = value
    return picture


@pytest.mark.parametrize(
    ("kind", "instances", "path", "words"),
    [
        (GREY, [], "$.instances", "is empty"),
        (GREY, [5], "$.instances[0]", "array of 2 rows of pixels, got a number"),
        (GREY, ["ab"], "$.instances[0]", "got a string"),
        (GREY, [{"grey": 1}], "$.instances[0]", "got an object"),
        (GREY, [[]], "$.instances[0]", "has 0 rows of pixels; the model expects 2"),
        (GREY, [ZERO, [*ZERO, [0, 0, 0]]], "$.instances[1]", "has 3 rows"),
        (GREY, [[[0, 0, 0], [0, 0]]], "$.instances[0][1]", "has 2 pixels; .*expects 3"),
        (GREY, [[[0, 0, 0], 0]], "$.instances[0][1]", "array of 3 pixels, got a num"),
        (GREY, [with_pixel("0")], "$.instances[0][1][2]", "number, got a string"),
        (GREY, [with_pixel(None)], "$.instances[0][1][2]", "number, got null"),
        (GREY, [with_pixel(True)], "$.instances[0][1][2]", "number, got a boolean"),
        (GREY, [with_pixel([0])], "$.instances[0][1][2]", "number, got an array"),
        (GREY, [with_pixel(math.nan)], "$.instances[0][1][2]", "no.* finite"),
        (GREY, [ZERO, with_pixel(-1e39)], "$.instances[1][1][2]", "3.4e38"),
        (GREY, [with_pixel(10**400)], "$.instances[0][1][2]", "no.* finite"),
        (GREY, [[[[0], [0], [0]], [[0], [0], [1, 2]]]], "$.instances[0][1][2]",
         "has 2 channels; the model expects 1"),
        (RGB, [ZERO], "$.instances[0][0][0]", "array of 3 channels, got a number"),
        (RGB, [[[[0, 0, 0]] * 3, [[0, 0, 0]] * 2 + [[0, 0]]]], "$.instances[0][1][2]",
         "has 2 channels"),
        (RGB, [[[[0, 0, 0]] * 3, [[0, 0, 0]] * 2 + [[0, math.inf, 0]]]],
         "$.instances[0][1][2][1]", "no.* finite"),
        (RGB, [np.zeros((3, 2, 3))], "$.instances[0]", "real numbers .2, 3, 3"),
        (GREY, [np.zeros((2, 3), complex)], "$.instances[0]", "an array complex128"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(kind, instances, path, words):
    with pytest.raises(InstanceError, match=words) as caught:
        encode_images(kind, instances)
    assert caught.value.path == path
