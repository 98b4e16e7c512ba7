"""One part of a file, from its rows to the file of its answers. It knows no other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bulk.columns import columns_of
from bulk.errors import BulkError
from bulk.files import whole_file
from bulk.plan import Plan
from bulk.source import Part, Stamp, encode_table, read_part, unchanged
from bulk.unusual import find_unusual, refuse
from explainers.arrays import Inputs
from explainers.errors import InputError, LeafpathError, NonFiniteError
from explainers.loading import open_model
from explainers.methods.base import Explainer, Parameters
from explainers.model import Model, Prediction

STEP_ROWS = 1024
"""Rows explained at once, which bounds the answers that are Python objects."""

METADATA = b"leafpath"


@dataclass(frozen=True)
class Job:
    """Where everything is, and what is asked; the paths are absolute.

    ``stamp`` is that of the file ``data`` when the run began.
    """

    data: Path
    bundle: Path
    out: Path
    plan: Plan
    stamp: Stamp


def explain_part(part: Part, job: Job) -> int:
    """Explain one part and write its answers; return the number of rows.

    Raises
    ------
    BulkError
        Something is wrong that is not a row's fault: the bundle or the file is another
        by now, a parameter does not fit, a file cannot be read or written. Whatever the
        reason, it is one class with one message, which can travel between processes.
    """
    try:
        answers = explain_rows(part, job, _open(job.bundle, job.plan.bundle))
        with whole_file(job.out / part.name) as scratch:
            # Without dictionaries: half the CPU, and three quarters of the bytes.
            pq.write_table(answers, scratch, compression="zstd", use_dictionary=False)
    except (OSError, pa.ArrowException, LeafpathError) as error:
        raise BulkError(f"{part.name}: {error}") from None
    return part.rows


@lru_cache(maxsize=1)
def _open(bundle: Path, digest: str) -> Model:
    """Open a bundle once a process."""
    model = open_model(bundle)
    if model.digest != digest:
        raise BulkError(f"{bundle} is another bundle now: {model.digest}")
    return model


def explain_rows(part: Part, job: Job, model: Model) -> pa.Table:
    """Return the answers of one part, one row a row of the file, in its order."""
    features = [feature.name for feature in model.manifest.input.features]
    names = list(dict.fromkeys([*features, *job.plan.keep]))
    with unchanged(job.data, job.stamp, job.plan.data):
        table = read_part(job.data, part, names)
    steps = [
        _explain_step(
            model, job.plan, table.slice(start, STEP_ROWS), part.first + start
        )
        for start in range(0, part.rows, STEP_ROWS)
    ]
    return pa.concat_tables(steps).replace_schema_metadata(
        {METADATA: json.dumps(describe(model, job.plan))}
    )


def describe(model: Model, plan: Plan) -> dict[str, Any]:
    """Return what a reader of the answers must know of where they come from."""
    return {
        "model": {
            "name": model.name,
            "version": model.manifest.version,
            "digest": model.digest,
        },
        "features": [feature.name for feature in model.manifest.input.features],
        "tree_features": [column.name for column in model.manifest.tree_features],
        "classes": list(model.classes),
        "methods": [{"method": name, **values} for name, values in plan.methods],
        "data": plan.data,
    }


def _explain_step(model: Model, plan: Plan, table: pa.Table, first: int) -> pa.Table:
    faults: dict[int, LeafpathError] = {}
    rows, inputs = encode_table(model.manifest.input, table, first, faults)
    unusual = find_unusual(model, table, rows, inputs)
    if model.manifest.input.beyond_training == "refuse":
        refuse(unusual, first, faults)
        usual = [i for i, row in enumerate(rows) if row not in faults]
        rows, inputs = [rows[i] for i in usual], inputs[usual]
    answers = [
        answer_columns(model, plan.requests(), inputs[:0]),  # the columns, if nothing
        *_answer_all(model, plan.requests(), rows, inputs, faults),
    ]
    good = [row for row in rows if row not in faults]
    place = dict(zip(good, range(len(good)), strict=True))
    order = pa.array([place.get(row) for row in range(len(table))], pa.int64())
    spread = pa.concat_tables(answers).take(order)  # null where there is no answer
    warnings = [
        None if row in faults else "; ".join(unusual.get(row, {}).values()) or None
        for row in range(len(table))
    ]
    errors = [
        _describe_fault(faults.get(row), first + row) for row in range(len(table))
    ]
    columns = {
        "row": pa.array(np.arange(first, first + len(table))),
        **{name: table[name] for name in plan.keep},
        **dict(zip(spread.column_names, spread.columns, strict=True)),
        "warnings": pa.array(warnings, pa.string()),
        "error_path": pa.array([path for path, _ in errors], pa.string()),
        "error": pa.array([problem for _, problem in errors], pa.string()),
    }
    return pa.table(columns)


def _describe_fault(
    fault: LeafpathError | None, row: int
) -> tuple[str | None, str | None]:
    if fault is None:
        return None, None
    if isinstance(fault, InputError):
        allowed = f"; {fault.allowed}" if fault.allowed else ""
        return fault.path, fault.problem + allowed
    return f"$[{row}]", str(fault)


def _answer_all(
    model: Model,
    requests: list[tuple[Explainer, Parameters]],
    rows: list[int],
    inputs: Inputs,
    faults: dict[int, LeafpathError],
) -> Iterator[pa.Table]:
    """Answer all rows; where one cannot be, halve until it stands alone."""
    if not rows:
        return
    try:
        yield answer_columns(model, requests, inputs)
    except NonFiniteError as error:
        if len(rows) == 1:
            faults[rows[0]] = error
            return
        half = len(rows) // 2
        for part in (slice(half), slice(half, None)):
            yield from _answer_all(model, requests, rows[part], inputs[part], faults)


def answer_columns(
    model: Model, requests: list[tuple[Explainer, Parameters]], inputs: Inputs
) -> pa.Table:
    """Return what network, tree and methods say, one row an input.

    Raises
    ------
    NonFiniteError
        Of some row, the network's answer or an explanation is NaN or infinite.
    """
    # An extreme input may overflow here; the finiteness checks then say so.
    with np.errstate(over="ignore", invalid="ignore"):
        prediction = model.predict(inputs)
        columns = _prediction_columns(model, prediction)
        for method, parameters in requests:
            results = method.explain(model, prediction, parameters)
            columns |= columns_of(method, results)
    return pa.table(columns)


def _prediction_columns(model: Model, prediction: Prediction) -> dict[str, pa.Array]:
    names = np.array(model.classes, dtype=object)
    leaves = prediction.leaves.tolist()
    return {
        "label": pa.array(names[prediction.labels], pa.string()),
        "probabilities": pa.array(
            list(prediction.probabilities), pa.list_(pa.float32())
        ),
        "leaf": pa.array(leaves, pa.int64()),
        "tree_label": pa.array(names[prediction.tree_labels], pa.string()),
        "agrees": pa.array(prediction.labels == prediction.tree_labels, pa.bool_()),
        "rule": pa.array([model.rules[leaf] for leaf in leaves], pa.string()),
    }
