"""landscape.json: the measured grids, as frozen Structs."""

from typing import Literal, TypeAlias

import msgspec
import numpy as np

from explainers.arrays import Floats
from explainers.manifest import Document
from trainer.landscape.surface import QUANTITIES

PATH = "landscape.json"
Directions = Literal["random", "trajectory"]
Row: TypeAlias = tuple[float | None, ...]


class LineRecord(Document, frozen=True, kw_only=True):
    """Quantities along one random direction; ``alpha`` 0 is the network."""

    network: str
    alpha: tuple[float, ...]
    values: dict[str, Row]


class PlaneRecord(Document, frozen=True, kw_only=True):
    """Quantities over a plane: rows go with ``beta``, columns with ``alpha``.

    ``directions`` "random": filter-normalised, so that 1 is a step as long as each
    filter; "trajectory": principal components of the training, in units of weights.
    """

    network: str
    directions: Directions
    alpha: tuple[float, ...]
    beta: tuple[float, ...]
    values: dict[str, tuple[Row, ...]]

    def grid(self, quantity: str) -> Floats:
        """Return one quantity as [n_beta, n_alpha], NaN where it was not measured."""
        return np.array(self.values[quantity], dtype=np.float64)


class TrajectoryRecord(Document, frozen=True, kw_only=True):
    """The training's way in the plane of its two principal components.

    ``explained_variance`` are the shares of all components, largest first.
    """

    epochs: tuple[int, ...]
    alpha: tuple[float, ...]
    beta: tuple[float, ...]
    explained_variance: tuple[float, ...]


class CurvatureRecord(Document, frozen=True, kw_only=True):
    """Extreme eigenvalues of the Hessian of the training loss, and their residuals."""

    network: str
    largest: float
    smallest: float
    negative_share: float
    residuals: tuple[float, float]
    iterations: int


class LandscapeDocument(Document, frozen=True, kw_only=True):
    """The whole of landscape.json; quantities are described in surface.py.

    ``rows`` says on how many rows of each split every point was measured;
    ``no_trajectory`` why there is none.
    """

    format: int = 1
    seed: int
    rows: dict[str, int]
    lines: tuple[LineRecord, ...] = ()
    planes: tuple[PlaneRecord, ...] = ()
    trajectory: TrajectoryRecord | None = None
    no_trajectory: str | None = None
    curvature: tuple[CurvatureRecord, ...] = ()


def encode_landscape(document: LandscapeDocument) -> bytes:
    """Return the bytes of landscape.json."""
    return msgspec.json.encode(document, order="sorted")


def as_row(values: Floats) -> Row:
    """Return floats of six significant digits; null where a value is not finite."""
    return tuple(float(f"{v:.6g}") if np.isfinite(v) else None for v in values)


def by_quantity(values: Floats) -> dict[str, Floats]:
    """Split measured points [k, n_quantities] into named columns that have values."""
    return {
        name: column
        for name, column in zip(QUANTITIES, values.T, strict=True)
        if np.isfinite(column).any()
    }
