"""The whole file: check, divide, explain what is not explained yet, count."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from bulk.columns import fields_of
from bulk.errors import BulkError
from bulk.files import remove_remains
from bulk.part import Job, answer_columns, explain_part
from bulk.plan import ROWS_PER_PART, Plan, keep_plan, read_methods
from bulk.source import Source, check_columns, open_source
from bulk.tasks import run_tasks
from explainers.loading import open_model
from explainers.model import Model


@dataclass(frozen=True)
class Explained:
    """Rows answered, those of them that hold an error instead, and the files."""

    rows: int
    faulty: int
    parts: int
    digest: str


def explain_file(
    data: Path,
    bundle: Path,
    out: Path,
    *,
    methods: str = "tree_path",
    keep: tuple[str, ...] | None = None,
    rows_per_part: int = ROWS_PER_PART,
    jobs: int = -1,
    scheduler: str | None = None,
    progress: bool = False,
) -> Explained:
    """Explain every row of a Parquet file but what ``out`` holds already.

    Parameters
    ----------
    methods : see ``read_methods``.
    keep : columns to copy beside the answers; None for all that are no inputs.
    rows_per_part : most rows of one task and file.
    jobs, scheduler : see ``run_tasks``. ``progress`` : whether to draw a bar.

    Raises
    ------
    BulkError, TaskError, BundleError, InputError, UnsupportedMethodError
        Before any row is computed, but for what happens to files and processes.
    """
    model = open_model(bundle)
    source = open_source(data, rows_per_part)
    plan = _make_plan(model, source, methods, keep, rows_per_part)
    keep_plan(out, plan)
    job = Job(data.resolve(), bundle.resolve(), out.resolve(), plan, source.stamp)
    waiting = [part for part in source.parts if not (out / part.name).exists()]
    total = sum(part.rows for part in source.parts)
    arriving = run_tasks(
        partial(explain_part, job=job), waiting, jobs=jobs, scheduler=scheduler
    )
    with tqdm(
        total=total,
        initial=total - sum(part.rows for part in waiting),
        unit="row",
        unit_scale=True,
        disable=not progress,
    ) as bar:
        for rows in arriving:
            bar.update(rows)
    remove_remains(out, "part-*.parquet")
    return _count(out, source, model.digest)


def _make_plan(
    model: Model,
    source: Source,
    methods: str,
    keep: tuple[str, ...] | None,
    rows_per_part: int,
) -> Plan:
    manifest = model.manifest
    if manifest.family != "tabular":
        raise BulkError(
            f"model {model.name!r} reads {manifest.family} inputs; a Parquet file of "
            "one row an instance is for tabular models"
        )
    if manifest.expose == "prediction":
        raise BulkError(f"model {model.name!r} exposes predictions only")
    check_columns(source.schema, manifest.input)
    plan = Plan(
        bundle=model.digest,
        data=source.digest,
        methods=read_methods(model, methods),
        keep=_kept(model, source, keep),
        rows_per_part=rows_per_part,
    )
    _check_names(model, plan)
    return plan


def _kept(
    model: Model, source: Source, keep: tuple[str, ...] | None
) -> tuple[str, ...]:
    names = source.schema.names
    if keep is None:
        inputs = {feature.name for feature in model.manifest.input.features}
        keep = tuple(name for name in names if name not in inputs)
    for name in keep:
        if names.count(name) != 1:
            raise BulkError(
                f"the file has {names.count(name)} columns {name!r} to keep"
            )
    return tuple(dict.fromkeys(keep))


def _check_names(model: Model, plan: Plan) -> None:
    """Refuse to keep a column that has the name of an answer."""
    rows = model.background[:1]
    taken = {
        "row",
        "warnings",
        "error",
        "error_path",
        *answer_columns(model, [], rows).schema.names,
    }
    for method, _ in plan.requests():
        taken |= {f"{method.name}.{name}" for name in fields_of(method)}
    if clash := [name for name in plan.keep if name in taken]:
        raise BulkError(
            f"the file's columns {', '.join(map(repr, clash))} have the names of "
            "answers; say with --keep which others to keep"
        )


def _count(out: Path, source: Source, digest: str) -> Explained:
    """Count what is on disk, and not what was done: nothing may be lost."""
    rows = faulty = 0
    for part in source.parts:
        try:
            errors = pq.read_table(out / part.name, columns=["error"])["error"]
        except (OSError, pa.ArrowException) as error:
            raise BulkError(
                f"{part.name}: {error}; delete it to do it again"
            ) from error
        if len(errors) != part.rows:
            raise BulkError(f"{part.name}: {len(errors)} rows, expected {part.rows}")
        rows += part.rows
        faulty += part.rows - errors.null_count
    return Explained(rows, faulty, len(source.parts), digest)
