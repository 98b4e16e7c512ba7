"""A file and the same with one value corrected, which no footer tells apart."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def write_plain(table: pa.Table, path: Path) -> pa.Table:
    """Write a table so that every value takes the same place, whatever it is."""
    pq.write_table(table, path, compression="none", use_dictionary=False)
    return table


def correct_one(table: pa.Table, row: int) -> pa.Table:
    """Change the alcohol of one row, within the range of the others."""
    values = table["alcohol"].to_pylist()
    values[row] = (min(values) + max(values)) / 2
    i = table.schema.get_field_index("alcohol")
    corrected = table.set_column(i, "alcohol", pa.array(values))
    assert not corrected.equals(table)
    assert pc.min_max(corrected["alcohol"]) == pc.min_max(table["alcohol"])
    return corrected
