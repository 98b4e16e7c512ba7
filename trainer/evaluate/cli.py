"""The command `leafpath evaluate`."""

from pathlib import Path

import click

from explainers.errors import LeafpathError
from explainers.manifest import Estimate
from trainer.options import data_option, quiet_option


@click.command()
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where the new version is written; by default BUNDLE itself.",
)
@data_option
@click.option(
    "--rows",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Test rows to explain, at most.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Method to evaluate; repeatable. By default every attribution and map.",
)
@quiet_option
def evaluate(
    bundle: Path,
    out: Path | None,
    data: Path,
    rows: int,
    seed: int,
    methods: tuple[str, ...],
    quiet: bool,
) -> None:
    """Measure how good the explanations of the bundle in directory BUNDLE are.

    Deletion and insertion curves beside a random order, infidelity, max-sensitivity,
    and what randomising the network's layers does, for each attribution method: written
    into a new version of the bundle, as evaluation.json and a section of its report.
    """
    # Imported here so that `--help` does not wait for torch.
    from trainer.evaluate.enrich import enrich
    from trainer.evaluate.measure import Settings

    try:
        written = enrich(bundle, out, data, Settings(rows, seed, methods, not quiet))
    except LeafpathError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{written.directory}: version {written.version}, {written.digest}")
    for name, record in written.evaluation.methods.items():
        alike = [f"{value:.2f}" for value in record.randomised if value is not None]
        click.echo(
            f"  {name}: deletion {record.deletion.value:.3f}, insertion "
            f"{record.insertion.value:.3f}, infidelity {_text(record.infidelity)}, "
            f"sensitivity {_text(record.max_sensitivity)}, "
            f"randomised {', '.join(alike) or '-'}"
        )


def _text(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.3f}"
