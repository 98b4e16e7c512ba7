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
        lines = csv.reader(io.StringIO(raw.decode("utf-8-sig")), strict=True)
        rows = [cells for cells in lines if cells]
    except UnicodeDecodeError as error:
        raise RequestError(
            INVALID_REQUEST, f"the body is not CSV in UTF-8: {error}; is it Latin-1?"
        ) from error
    except csv.Error as error:
        raise RequestError(INVALID_REQUEST, f"the body is not CSV: {error}") from error
    if not 1 <= len(rows) <= MAX_INSTANCES:
        raise RequestError(
            INVALID_REQUEST, f"there are {len(rows)} rows; send 1 to {MAX_INSTANCES}"
        )
    if len(schema.features) > 1 and len(rows[0]) == 1 and ";" in rows[0][0]:
        raise RequestError(
            INVALID_REQUEST, "the fields are separated by ';'; separate them by commas"
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
