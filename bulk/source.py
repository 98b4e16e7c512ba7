"""The Parquet file that is explained: its parts, its columns, its rows as inputs."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bulk.errors import BulkError
from explainers.arrays import Inputs
from explainers.errors import InstanceError, LeafpathError
from explainers.instances import encode_instances, encode_row
from explainers.manifest import InputSchema

BUFFER_BYTES = 2**20
"""Read ahead in each column; without it a whole row group's column is in memory."""

Stamp: TypeAlias = tuple[int, int]
"""A file's size in bytes and when it last changed, in ns: cheap to ask at each part."""


@dataclass(frozen=True)
class Part:
    """Rows ``start`` to ``start + rows`` of one row group, first of them row ``first``
    of the file; what one task explains.
    """

    number: int
    group: int
    start: int
    rows: int
    first: int

    @property
    def name(self) -> str:
        """The name of the file with this part's answers."""
        return f"part-{self.number:06d}.parquet"


@dataclass(frozen=True)
class Source:
    """What is known of the file before any row is decoded.

    ``digest`` is the SHA-256 of the whole file, which had the ``stamp``.
    """

    parts: tuple[Part, ...]
    schema: pa.Schema
    digest: str
    stamp: Stamp


def open_source(path: Path, rows_per_part: int) -> Source:
    """Hash a Parquet file, and divide its row groups into parts.

    Raises
    ------
    BulkError
        The file is missing or no Parquet file.
    """
    try:
        stamp = _stamp(path)
        with pq.ParquetFile(path) as file:
            groups = [
                file.metadata.row_group(i).num_rows
                for i in range(file.metadata.num_row_groups)
            ]
            schema = file.schema_arrow
        digest = _digest(path)
    except (OSError, pa.ArrowException) as error:
        raise BulkError(f"{path}: {error}") from error
    return Source(_divide(groups, rows_per_part), schema, digest, stamp)


def _divide(groups: Sequence[int], rows_per_part: int) -> tuple[Part, ...]:
    parts: list[Part] = []
    first = 0
    for group, rows in enumerate(groups):
        for start in range(0, rows, rows_per_part):
            size = min(rows_per_part, rows - start)
            parts.append(Part(len(parts), group, start, size, first + start))
        first += rows
    return tuple(parts)


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=1)
def _digest_at(path: Path, stamp: Stamp) -> str:
    """Hash a file once a process, until it changes."""
    return _digest(path)


@contextmanager
def unchanged(path: Path, stamp: Stamp, digest: str) -> Iterator[None]:
    """Hold a file against what the run began with, before and after it is read.

    Only where its stamp is another, as that of a copy on another machine, is it hashed.

    Raises
    ------
    BulkError
        It holds something else.
    """
    _check_same(path, stamp, digest)
    yield
    _check_same(path, stamp, digest)


def _check_same(path: Path, stamp: Stamp, digest: str) -> None:
    found = _stamp(path)
    if found != stamp and _digest_at(path, found) != digest:
        raise BulkError(
            f"{path} is not the file that this run began with ({digest}); put that one "
            "back, or start anew in another place"
        )


def check_columns(schema: pa.Schema, inputs: InputSchema) -> None:
    """Refuse a file that lacks an input, or holds something that can never be one.

    Raises
    ------
    BulkError
        Names the columns.
    """
    names = [feature.name for feature in inputs.features]
    missing = [name for name in names if name not in schema.names]
    if missing:
        raise BulkError(f"the file lacks the columns {', '.join(map(repr, missing))}")
    for name in names:
        if schema.names.count(name) > 1:
            raise BulkError(f"the file has more than one column {name!r}")
        kind = schema.field(name).type
        if not _is_readable(kind):
            raise BulkError(
                f"column {name!r} is {kind}; numbers, texts and truth values can be "
                "inputs"
            )


def _is_readable(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    tests = (
        pa.types.is_null, pa.types.is_boolean, pa.types.is_integer,
        pa.types.is_floating, pa.types.is_decimal, pa.types.is_string,
        pa.types.is_large_string,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def read_part(path: Path, part: Part, names: Sequence[str]) -> pa.Table:
    """Read the columns ``names`` of one part, in that order."""
    pieces = []
    seen, stop = 0, part.start + part.rows
    with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
        for batch in file.iter_batches(
            part.rows, row_groups=[part.group], columns=list(names), use_threads=False
        ):
            low, high = max(part.start - seen, 0), min(stop - seen, len(batch))
            if low < high:
                pieces.append(batch.slice(low, high - low))
            seen += len(batch)
            if seen >= stop:
                break
    return pa.Table.from_batches(pieces).select(list(names))


def encode_table(
    schema: InputSchema, table: pa.Table, first: int, faults: dict[int, LeafpathError]
) -> tuple[list[int], Inputs]:
    """Encode the rows that fit.

    Parameters
    ----------
    first : number of the table's first row in the file, for messages.
    faults : what is wrong with the others is added here, by row of the table.

    Returns
    -------
    The rows of the table that fit, and their inputs [len, n_inputs] float32.
    """
    columns = [read_values(table[feature.name]) for feature in schema.features]
    rows = list(zip(*columns, strict=True))
    try:
        return list(range(len(rows))), encode_instances(schema, rows, "$")
    except InstanceError:
        return _encode_each(schema, rows, first, faults)


def _encode_each(
    schema: InputSchema,
    rows: list[tuple[Any, ...]],
    first: int,
    faults: dict[int, LeafpathError],
) -> tuple[list[int], Inputs]:
    names = [feature.name for feature in schema.features]
    encoded = {}
    for i, row in enumerate(rows):
        named = dict(zip(names, row, strict=True))
        try:
            encoded[i] = encode_row(schema, named, f"$[{first + i}]")
        except InstanceError as error:
            faults[i] = error
    inputs = np.array(list(encoded.values()), dtype=np.float32)
    return list(encoded), inputs.reshape(len(encoded), len(names))


def read_values(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as Python values; NaN is a missing value, as in training."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    values: list[Any] = column.to_pylist()
    return values
