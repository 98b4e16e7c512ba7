"""gallery/index.json: what each picture shows and how far to believe it."""

import msgspec

from explainers.manifest import Document, Family
from trainer.visualize.targets import Kind

PATH = "gallery/index.json"


class PictureRecord(Document, frozen=True, kw_only=True):
    """One picture of one unit, class, or other objective.

    ``objective`` is what was asked for, as it was written, and empty of what is always
    shown; ``unit`` is null where the picture is not of one unit.
    ``activation`` is what the network answers to the optimised input, ``best_real``
    and ``worst_real`` the extremes over the training rows, ``share_below`` the share
    of these that answer less than the optimised input. ``moved`` is false where the
    picture was not moved about between steps: of a unit that answers to nothing but
    detail that movement takes away, it may look like noise. ``distance`` is from the
    prototype of a table to the nearest training row, and ``usual_distance`` the median
    of the training rows' own nearest distances, both in training deviations a column:
    where the first is much larger, no real row looks like the prototype.
    """

    file: str
    kind: Kind
    name: str
    objective: str
    layer: str
    unit: int | None
    activation: float
    best_real: float
    worst_real: float
    share_below: float
    moved: bool
    sheet: str | None = None
    values: dict[str, float] = {}
    distance: float | None = None
    usual_distance: float | None = None


class GalleryIndex(Document, frozen=True, kw_only=True):
    """The whole of gallery/index.json; files are relative to it."""

    format: int = 1
    family: Family
    steps: int
    learning_rate: float
    parametrisation: str
    seed: int
    pictures: tuple[PictureRecord, ...]


def encode_index(index: GalleryIndex) -> bytes:
    """Return the bytes of index.json."""
    return msgspec.json.encode(index, order="sorted")
