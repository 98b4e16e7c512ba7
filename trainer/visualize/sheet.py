"""Pictures as PNG: single ones at their native size, and captioned sheets of many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.charts import pack_png
from trainer.visualize.optimise import Bounds

TILE = 168
"""Side of a picture on a sheet, in pixels; smaller pictures are enlarged by blocks."""
_GAP, _MARGIN, _LINE, _FONT = 10, 14, 15, 12
_INK, _PAPER, _FAINT = "#1b1b1b", "#ffffff", "#6b6b6b"


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet: [height, width, 1 or 3] uint8, and lines below it."""

    pixels: NDArray[np.uint8]
    caption: tuple[str, ...] = ()


def as_bytes(pixels: NDArray[np.float32], bounds: Bounds) -> NDArray[np.uint8]:
    """Return one picture [n_channels, height, width] as [height, width, channels].

    Three channels are colours; of any other number the mean is shown in grey.
    """
    low, high = (np.reshape(b, (-1, 1, 1)) for b in (bounds.low, bounds.high))
    share = (pixels - low) / np.where(high > low, high - low, 1)
    if len(share) != 3:
        share = share.mean(axis=0, keepdims=True)
    scaled = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of a picture [height, width, 1 or 3]."""
    return pack_png(_image(pixels))


def draw_sheet(
    title: str, rows: Sequence[tuple[str, Sequence[Tile]]], note: str = ""
) -> bytes:
    """Return a PNG of labelled rows of tiles.

    Parameters
    ----------
    rows : (label, tiles) each; a label stands above its row.
    note : a faint line below the title.
    """
    lines = max((len(t.caption) for _, tiles in rows for t in tiles), default=0)
    step = TILE + lines * _LINE + _GAP + 24
    columns = max(len(tiles) for _, tiles in rows)
    width = max(2 * _MARGIN + columns * (TILE + _GAP) - _GAP, 420)
    top = _MARGIN + 24 + (20 if note else 0)
    sheet = Image.new("RGB", (width, top + len(rows) * step + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN - 4), title, fill=_INK, font=_font(16))
    if note:
        draw.text((_MARGIN, _MARGIN + 20), note, fill=_FAINT, font=_font(_FONT))
    for i, (label, tiles) in enumerate(rows):
        y = top + i * step
        draw.text((_MARGIN, y), label, fill=_INK, font=_font(13))
        for j, tile in enumerate(tiles):
            _place(sheet, draw, tile, _MARGIN + j * (TILE + _GAP), y + 20)
    return pack_png(sheet)


def _place(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, x: int, y: int
) -> None:
    picture = _image(tile.pixels).convert("RGB")
    whole = max(1, TILE // max(picture.size))
    method = Image.Resampling.NEAREST if whole > 1 else Image.Resampling.LANCZOS
    share = TILE / max(picture.size)
    size = (round(picture.width * share), round(picture.height * share))
    sheet.paste(picture.resize(size, method), (x, y))
    for i, line in enumerate(tile.caption):
        ink = _INK if i == 0 else _FAINT
        draw.text((x, y + TILE + 3 + i * _LINE), line, fill=ink, font=_font(_FONT))


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
