"""A real instance of a model, as a client would write it: for people to copy."""

import math
from typing import Any

import numpy as np

from explainers.arrays import Indexes, Inputs
from explainers.manifest import InputSchema
from explainers.reading import write_instance

MAX_SHOWN_VALUES = 1024
"""Nobody copies a larger instance by hand."""


def is_shown(schema: InputSchema) -> bool:
    """Whether an instance of a model is small enough to be shown."""
    return math.prod(schema.shape) <= MAX_SHOWN_VALUES


def example_row(lengths: Indexes) -> int:
    """Return the row of the background sample that is shown: the first, or of sequences
    the first shortest one of several steps.
    """
    # One step alone would not show what a sequence is.
    return int(np.where(lengths > 1, lengths, lengths.max()).argmin())


def example_instance(
    schema: InputSchema, background: Inputs, lengths: Indexes
) -> list[Any]:
    """Return the shown row of the background sample as an instance.

    Parameters
    ----------
    background : [n >= 1, *shape], what a bundle holds as reference. lengths : [n], the
        steps of sequences; all the same for other families.
    """
    row = example_row(lengths)
    return write_instance(schema, background[row], int(lengths[row]))
