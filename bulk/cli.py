"""The command `leafpath explain`: errors become one line."""

from pathlib import Path

import click

from explainers.errors import LeafpathError


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--bundle", required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the answers. Finished parts in it are not computed again.",
)
@click.option(
    "--methods",
    default="tree_path",
    show_default=True,
    help="Names separated by commas, or the JSON array that `explanations` of a "
    "request is, with parameters.",
)
@click.option(
    "--keep",
    help="Columns to copy, separated by commas.  [default: all that are no inputs]",
)
@click.option(
    "--rows-per-part",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="Most rows of one file of OUT: a part is in memory, and is what a kill costs.",
)
@click.option(
    "--jobs", type=int, default=-1, help="Processes; -1 (default) for one a core."
)
@click.option("--scheduler", help="Run on a dask cluster: tcp://host:8786.")
@click.option("--quiet", is_flag=True, help="Draw no progress bar.")
def explain(
    data: Path,
    bundle: Path,
    out: Path,
    methods: str,
    keep: str | None,
    rows_per_part: int,
    jobs: int,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """Explain every row of the Parquet file DATA, whose columns are named for inputs.

    Writes to the directory OUT one Parquet file a part, with one row a row of DATA:
    what the server would answer and warn of, or what is wrong with the row, in
    `error_path` and `error`. Killed and started again, it goes on where it was.
    """
    try:
        from bulk.explain import explain_file
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`leafpath explain` needs the package {error.name!r}, which is not "
            "installed: pip install 'leafpath[scale]'"
        ) from error
    try:
        done = explain_file(
            data,
            bundle,
            out,
            methods=methods,
            keep=None
            if keep is None
            else tuple(name for name in keep.split(",") if name),
            rows_per_part=rows_per_part,
            jobs=jobs,
            scheduler=scheduler,
            progress=not quiet,
        )
    except LeafpathError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{out}: {done.rows} rows in {done.parts} parts, {done.faulty} with an error "
        f"instead of an answer, {done.digest}"
    )
