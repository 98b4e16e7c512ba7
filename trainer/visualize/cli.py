"""The command `leafpath visualize`."""

from pathlib import Path

import click

from explainers.errors import LeafpathError
from trainer.options import quiet_option, takes_source


@click.command()
@takes_source
@click.option(
    "--units",
    type=click.IntRange(0, 64),
    default=4,
    show_default=True,
    help="Units shown of each layer; classes are always shown.",
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="KIND:...",
    help="A picture beside those: channel:LAYER:UNIT, neuron:LAYER:UNIT@ROW,COLUMN, "
    "direction:LAYER:UNIT=WEIGHT,..., diversity:LAYER:UNIT, class:NAME or "
    "interpolation:ONE..OTHER. Repeatable.",
)
@click.option("--steps", type=click.IntRange(1), default=512, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@quiet_option
def visualize(
    source: Path,
    out: Path | None,
    data: Path,
    units: int,
    objectives: tuple[str, ...],
    steps: int,
    seed: int,
    quiet: bool,
) -> None:
    """Draw what the network of SOURCE looks for, and write it into the bundle.

    SOURCE is a bundle's directory, which becomes a new version, or a configuration
    (a TOML file), which is trained first. Tables and sequences get a prototype for
    each class and unit, within the training range; pictures feature visualizations.
    """
    # Imported here so that `--help` does not wait for torch.
    import torch

    from trainer.visualize.asked import parse
    from trainer.visualize.enrich import enrich
    from trainer.visualize.gallery import Wish
    from trainer.visualize.optimise import Recipe

    torch.set_num_threads(1)  # the networks are small: threads would take turns
    try:
        asked = tuple(parse(objective) for objective in objectives)
        wish = Wish(units, Recipe(steps=steps, seed=seed), not quiet, asked)
        written = enrich(source, out, data, wish)
    except LeafpathError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{written.directory}: version {written.version}, {written.digest}, "
        f"{written.pictures} pictures"
    )
