"""The command `leafpath train`: prints, and turns errors into one line."""

import warnings
from pathlib import Path
from typing import TextIO

import click

from explainers.errors import LeafpathError
from explainers.manifest import Estimate


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the bundle; an older bundle there is replaced.",
)
@click.option("--quiet", is_flag=True, help="Draw no progress bars.")
def train(config: Path, out: Path, quiet: bool) -> None:
    """Train the model that CONFIG (a TOML file) describes and write its bundle.

    Exits with 1 and one line that says what is wrong when it cannot.
    """
    # Imported here so that `leafpath train --help` does not wait for torch.
    from trainer.config import load_config
    from trainer.errors import TrainingWarning
    from trainer.export.write import check_target, write_model
    from trainer.pipeline import train as run

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", TrainingWarning)
            warnings.showwarning = _show_warning
            loaded = load_config(config)
            check_target(out)
            trained = run(loaded, config.parent, progress=not quiet)
            digest = write_model(trained, out)
    except LeafpathError as error:
        raise click.ClickException(str(error)) from error
    network, tree = trained.metrics.network, trained.metrics.tree
    click.echo(f"{out}: {loaded.name} version {loaded.version}, {digest}")
    if "auc" in network:
        click.echo(f"  network AUC          {_text(network['auc'])}")
    click.echo(f"  network accuracy     {_text(network['accuracy'])}")
    click.echo(f"  tree fidelity        {_text(tree.fidelity)}")
    click.echo(f"  average path length  {_text(tree.average_path_length)}")
    click.echo(f"  leaves {tree.leaves}, depth {tree.depth}")
    click.echo(f"On {tree.fidelity.n} test rows, 95 % intervals.")
    click.echo(f"Read all of it: leafpath describe {out}")


def _text(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line, without the place in the code."""
    click.echo(f"warning: {message}", err=True)
