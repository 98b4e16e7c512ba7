"""PNG and JPEG among the instances -> pixels. Knows no HTTP.

Everything that can be refused is refused by the header, before a pixel is decoded: a
file of a few kilobytes may claim gigapixels.
"""

import base64
import binascii
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from api.limits import MAX_PICTURE_PIXELS
from explainers.arrays import Indexes, Inputs
from explainers.errors import InstanceError
from explainers.manifest import InputSchema, Manifest, PictureInput
from explainers.reading import read_instances

FORMATS = ("PNG", "JPEG")
B64 = "b64"
"""The one key of a picture among JSON instances, as TensorFlow Serving has it."""

_MODES = {1: "L", 3: "RGB"}
_DEPTH_AT = 24
"""Where a PNG file says how many bits a channel has (W3C, section 11.2.1)."""


def read_any_instances(
    manifest: Manifest, instances: Sequence[Any]
) -> tuple[Inputs, Indexes | None]:
    """Encode a batch as ``read_instances`` does; pictures may be files too.

    Parameters
    ----------
    instances : as clients send them, or bytes for an uploaded file.

    Raises
    ------
    InstanceError
        An instance does not fit; the message names its path.
    """
    if manifest.family == "image":
        instances = decode_pictures(manifest.input, instances)
    return read_instances(manifest, instances)


def decode_pictures(schema: InputSchema, instances: Sequence[Any]) -> list[Any]:
    """Return the instances with [height, width, n_channels] in place of each file.

    Raises
    ------
    InstanceError
        A file that cannot be read or is not what the model takes, or too many pixels.
    """
    pictures = {
        i: _open(_file(instance, f"$.instances[{i}]"), f"$.instances[{i}]")
        for i, instance in enumerate(instances)
        if isinstance(instance, bytes | dict)
    }
    _check_pixels(pictures)
    return [
        _pixels(pictures[i], schema, f"$.instances[{i}]") if i in pictures else instance
        for i, instance in enumerate(instances)
    ]


def _file(instance: bytes | dict[str, Any], path: str) -> bytes:
    if isinstance(instance, bytes):
        return instance
    text = instance.get(B64)
    if not isinstance(text, str) or len(instance) != 1:
        raise InstanceError(
            path, "is an object", f'send rows of pixels, or {{"{B64}": "<base64>"}}'
        )
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InstanceError(path, f"{B64} is not base64: {error}") from error


def _open(raw: bytes, path: str) -> Image.Image:
    """Read the header; refuse what no conversion would do justice to."""
    try:
        picture = Image.open(io.BytesIO(raw), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except Exception as error:  # Pillow raises many types for broken files
        raise _unreadable(path) from error
    problem = None
    if picture.format == "PNG" and raw[_DEPTH_AT] == 16:
        problem = "has 16 bits a channel"
    elif picture.format == "PNG" and getattr(picture, "is_animated", False):
        problem = "is animated"
    elif picture.mode == "CMYK":
        problem = "is in CMYK, whose colours depend on a profile"
    if problem:
        allowed = "send 8 bits a channel, grey or RGB, one picture"
        raise InstanceError(path, problem, allowed)
    return picture


def _check_pixels(pictures: dict[int, Image.Image]) -> None:
    """Hold the sizes that the headers claim, summed, against the limit."""
    total = 0
    for i, picture in pictures.items():
        total += picture.width * picture.height
        if total > MAX_PICTURE_PIXELS:
            raise _too_large(f"$.instances[{i}]")


def _pixels(
    picture: Image.Image, schema: InputSchema, path: str
) -> NDArray[np.float64]:
    """Decode a picture, upright and without transparency, and scale its values."""
    rule, channels = schema.picture, schema.shape[0]
    if not isinstance(rule, PictureInput) or channels not in _MODES:
        raise InstanceError(
            path,
            "is a PNG or JPEG, and the bundle does not say what its values would mean",
            "send rows of pixels",
        )
    try:
        upright = ImageOps.exif_transpose(picture)
        opaque = _on_white(upright) if upright.has_transparency_data else upright
        plain = opaque.convert(_MODES[channels])
    except Exception as error:  # Pillow raises many types for broken files
        raise _unreadable(path) from error
    fitted = _fit(plain, schema.shape[1], schema.shape[2], rule, path)
    return np.asarray(fitted).astype(np.float64) * (rule.white / 255)


def _on_white(picture: Image.Image) -> Image.Image:
    """Lay a picture on white, as viewers show it."""
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture.convert("RGBA"))


def _fit(
    picture: Image.Image, height: int, width: int, rule: PictureInput, path: str
) -> Image.Image:
    if picture.size == (width, height):
        return picture
    if not rule.resize:
        raise InstanceError(
            path,
            f"has {picture.height} rows of {picture.width} pixels",
            f"the model expects {height} rows of {width}",
        )
    return ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)


def _unreadable(path: str) -> InstanceError:
    return InstanceError(path, f"is no readable {' or '.join(FORMATS)} file")


def _too_large(path: str) -> InstanceError:
    return InstanceError(
        path,
        "exceeds, with the pictures before it, what is decoded for one request",
        f"{MAX_PICTURE_PIXELS} pixels in all",
    )
