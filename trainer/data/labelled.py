"""What splitting, fitting and measuring need of any data set, whatever its inputs."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from trainer.data.columns import Column


class Labelled(Protocol):
    """Labelled rows: a ``Table``, ``Sequences`` or ``Images``.

    ``columns`` are the input columns or channels, ``X`` the inputs as one array (one
    entry a row, but for sequences one a sequence), ``y`` [n] the class index of each
    row. Rows of one of the ``groups`` [n] stay on one side of a split; ``grouped`` says
    that they are more than identical copies. ``parts`` names the split of each row
    where the data say so.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        """Input columns or channels."""
        ...

    @property
    def X(self) -> Inputs:
        """Inputs, float32."""
        ...

    @property
    def y(self) -> Indexes:
        """[n] class indexes."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        ...

    @property
    def groups(self) -> Indexes:
        """[n] group numbers."""
        ...

    @property
    def grouped(self) -> bool:
        """Whether groups are more than identical copies."""
        ...

    @property
    def parts(self) -> NDArray[np.str_] | None:
        """[n] names of parts, or None."""
        ...

    @property
    def digest(self) -> str:
        """``sha256:`` and the SHA-256 of the data."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...
