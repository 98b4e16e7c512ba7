"""Rows of CSV as instances: what SageMaker's clients send unless told otherwise."""

import csv
import io

from api.errors import RequestError
from api.limits import MAX_INSTANCES
from api.problems import INVALID_REQUEST
from explainers.instances import Value
from explainers.manifest import InputSchema


def read_rows(schema: InputSchema, raw: bytes) -> list[list[Value]]:
    """Return one instance a line; there is no header, and an empty cell is missing.

    Raises
    ------
    RequestError
        Not UTF-8, not CSV, no rows or too many of them.
    """
    try:
        lines = csv.reader(io.StringIO(raw.decode()), strict=True)
        rows = [cells for cells in lines if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(INVALID_REQUEST, f"the body is not CSV: {error}") from error
    if not 1 <= len(rows) <= MAX_INSTANCES:
        raise RequestError(
            INVALID_REQUEST, f"there are {len(rows)} rows; send 1 to {MAX_INSTANCES}"
        )
    numeric = [feature.kind == "numeric" for feature in schema.features]
    return [[_value(numeric, i, cell) for i, cell in enumerate(row)] for row in rows]


def _value(numeric: list[bool], column: int, cell: str) -> Value:
    if not cell:
        return None
    if column < len(numeric) and numeric[column] and "_" not in cell:
        try:
            return float(cell)
        except ValueError:
            return cell  # the instance's encoder names the feature and the value
    return cell
