"""The command `leafpath landscape`."""

import os
from pathlib import Path

import click

from explainers.errors import LeafpathError
from trainer.options import quiet_option, takes_source


@click.command()
@takes_source
@click.option("--points", type=click.IntRange(3, 201), default=25, show_default=True)
@click.option(
    "--span",
    type=click.FloatRange(0.01, 10),
    default=1.0,
    show_default=True,
    help="How far each direction is followed, in filter norms.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--compare",
    type=click.FloatRange(0, 1000),
    multiple=True,
    help="Weight of the regularizer (0 is none) to train and set beside; repeatable.",
)
@click.option("--jobs", type=click.IntRange(1), help="Processes; one a core.")
@quiet_option
def landscape(
    source: Path,
    out: Path | None,
    data: Path,
    points: int,
    span: float,
    seed: int,
    compare: tuple[float, ...],
    jobs: int | None,
    quiet: bool,
) -> None:
    """Measure and draw the loss landscape of SOURCE, and write it into the bundle.

    SOURCE is a bundle's directory, which becomes a new version, or a configuration
    (a TOML file), which is trained first: then the training's own way is drawn too. An
    interrupted run goes on where it stopped.
    """
    # Imported here so that `--help` does not wait for torch.
    import torch

    from trainer.landscape.enrich import Request, enrich
    from trainer.landscape.survey import Settings

    target = (out or source).resolve()
    scratch = target.parent / f".{target.name}.landscape"
    cores = jobs or os.cpu_count() or 1
    torch.set_num_threads(1)  # the processes fill the cores; threads would take turns
    settings = Settings(scratch, points, span, seed, cores, not quiet)
    try:
        written = enrich(Request(source, out, data, compare, settings))
    except LeafpathError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{written.directory}: version {written.version}, {written.digest}")
    for record in written.document.curvature:
        click.echo(
            f"  {record.network}: largest Hessian eigenvalue {record.largest:.4g}, "
            f"smallest {record.smallest:.4g}"
        )
