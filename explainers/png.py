"""Writing PNG files: 8 bits a channel, grey or colour, and nothing else.

zlib does the work; an imaging library would be a dependency of everyone who only reads
explanations. The trainer and the API have Pillow.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {1: 0, 3: 2}


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of a picture, [height, width, 1 or 3] uint8.

    References
    ----------
    PNG Specification (Third Edition), W3C 2025, sections 5.3, 9 and 11.2.
    """
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    # Filter 2 ("up"): each line as its difference from the one above, modulo 256.
    lines = np.diff(pixels.reshape(height, -1), axis=0, prepend=np.uint8(0))
    filtered = np.insert(lines, 0, 2, axis=1)  # [height, 1 + width * channels]
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
