"""Checked pictures: what may be learned from, as one array."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from explainers.manifest import PictureInput
from trainer.data.columns import Column
from trainer.data.labels import encode_labels, group_codes
from trainer.data.raw import RawImages
from trainer.errors import DataError

_NAMES = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class Images:
    """Pictures that can be learned from.

    Parameters
    ----------
    columns : one per channel.
    X : [n, n_channels, height, width] float32, raw values.
    y : [n] int64 class indexes; ``classes`` their names.
    groups, grouped, parts : see ``Labelled``.
    picture : how a PNG or JPEG becomes such a picture, if it can.
    """

    columns: tuple[Column, ...]
    X: Inputs
    y: Indexes
    classes: tuple[str, ...]
    groups: Indexes
    grouped: bool
    parts: NDArray[np.str_] | None = None
    picture: PictureInput | None = None

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and the SHA-256 of a canonical rendering of all of the above."""
        header = [[c.name for c in self.columns], self.classes, self.X.shape]
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        digest.update((self.X + np.float32(0)).astype("<f4").tobytes())
        digest.update(self.y.astype("<i8").tobytes())
        digest.update(self.groups.astype("<i8").tobytes())
        if self.parts is not None:
            digest.update("\n".join(self.parts).encode())
        return f"sha256:{digest.hexdigest()}"


def build_images(raw: RawImages) -> Images:
    """Check pictures and turn them channels first.

    Raises
    ------
    DataError
        No picture, another number of axes, a value that is not finite, labels that do
        not fit, or a class with too few rows.
    """
    pixels = np.asarray(raw.pixels)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or not pixels.size or pixels.dtype.kind not in "fiub":
        raise DataError(
            f"pictures are {pixels.dtype} {list(np.shape(raw.pixels))}; expected "
            "numbers [n, height, width] or [n, height, width, channels]"
        )
    if len(raw.labels) != len(pixels):
        raise DataError(f"{len(pixels)} pictures, but {len(raw.labels)} labels")
    X = np.ascontiguousarray(np.moveaxis(pixels, -1, 1), dtype=np.float32)
    if not np.isfinite(X).all():
        number = int(np.argwhere(~np.isfinite(X))[0][0])
        raise DataError(f"picture {number} holds a value that is no finite number")
    y, classes = encode_labels(list(raw.labels), raw.classes)
    names = list(raw.groups) if raw.groups is not None else _fingerprints(X)
    return Images(
        columns=_columns(raw, X.shape[1]),
        X=X,
        y=y,
        classes=classes,
        groups=group_codes(names),
        grouped=raw.groups is not None,
        parts=None if raw.parts is None else np.array(list(raw.parts)),
        picture=_picture(raw, pixels),
    )


def _picture(raw: RawImages, pixels: NDArray[Any]) -> PictureInput | None:
    white = 255.0 if raw.white is None and pixels.dtype == np.uint8 else raw.white
    return None if white is None else PictureInput(white=white, resize=raw.resize)


def _fingerprints(X: Inputs) -> list[str]:
    """Name equal pictures alike: a copy in the test split would be a leak."""
    return [hashlib.sha256((x + np.float32(0)).tobytes()).hexdigest() for x in X]


def _columns(raw: RawImages, channels: int) -> tuple[Column, ...]:
    default = tuple(f"channel {i}" for i in range(channels))
    names = raw.channels or _NAMES.get(channels, default)
    if len(names) != channels or len(set(names)) != channels:
        raise DataError(
            f"{channels} channels, but the names {list(names)}; each needs its own"
        )
    return tuple(Column(name, "numeric") for name in names)
