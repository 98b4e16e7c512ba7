"""Rows with values that training never saw: what is said of them, or their refusal."""

import numpy as np
import pyarrow as pa

from bulk.source import read_values
from explainers.arrays import Inputs
from explainers.errors import InstanceError, LeafpathError
from explainers.instances import as_sent
from explainers.model import Model
from explainers.training_range import REFUSED, describe_beyond, find_beyond


def find_unusual(
    model: Model, table: pa.Table, rows: list[int], inputs: Inputs
) -> dict[int, dict[str, str]]:
    """Return what is unusual, by row of the table: what to say of which feature.

    Parameters
    ----------
    rows, inputs : as ``encode_table`` returns.
    """
    beyond = find_beyond(model, inputs)
    unusual: dict[int, dict[str, str]] = {}
    for i in np.flatnonzero(beyond.any(axis=0)).tolist():
        feature = model.manifest.input.features[i]
        is_number = feature.kind == "numeric"
        sent = [] if is_number else read_values(table[feature.name])
        for k in np.flatnonzero(beyond[:, i]).tolist():
            value = as_sent(inputs[k, i]) if is_number else sent[rows[k]]
            told = unusual.setdefault(rows[k], {})
            told[feature.name] = describe_beyond(feature, value)
    return unusual


def refuse(
    unusual: dict[int, dict[str, str]], first: int, faults: dict[int, LeafpathError]
) -> None:
    """Make a fault of what is unusual, of the first feature in each row.

    Parameters
    ----------
    first, faults : as ``encode_table`` takes.
    """
    for row, told in unusual.items():
        name, problem = next(iter(told.items()))
        faults[row] = InstanceError(f"$[{first + row}][{name!r}]", problem, REFUSED)
