"""The commands `leafpath train` and `leafpath sweep`: errors become one line."""

import warnings
from pathlib import Path
from typing import Literal, TextIO

import click

from explainers.errors import LeafpathError
from explainers.manifest import Estimate
from trainer.options import quiet_option


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the bundle; an older bundle there is replaced.",
)
@quiet_option
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


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the sweep. Finished runs in it are not run again.",
)
@click.option(
    "--strengths",
    help="Prices of a decision, separated by commas; with another regularizer than the "
    "pull its weights.  [default: 0.002,0.005,0.01,0.02,0.04,0.08 as prices]",
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--jobs", type=int, default=-1, help="Processes; -1 (default) for one a core."
)
@click.option("--scheduler", help="Run on a dask cluster: tcp://host:8786.")
@click.option(
    "--other-versions",
    type=click.Choice(["refuse", "redo", "keep"]),
    default="refuse",
    show_default=True,
    help="What becomes of finished runs that other versions of torch, scikit-learn, "
    "numpy or Leafpath made.",
)
@quiet_option
def sweep(
    config: Path,
    out: Path,
    strengths: str | None,
    seeds: int,
    jobs: int,
    scheduler: str | None,
    other_versions: Literal["refuse", "redo", "keep"],
    quiet: bool,
) -> None:
    """Train CONFIG at many strengths and seeds, and write the best bundle.

    Writes to the directory OUT: frontier.md (the table), frontier.svg, runs/ (one file
    a run) and bundle/NAME, the suggested point with the whole frontier in its manifest.
    Killed and started again, it goes on where it was.
    """
    from trainer.config import load_config
    from trainer.errors import TrainingWarning
    from trainer.sweep.choose import sweep as run

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", TrainingWarning)
            warnings.showwarning = _show_warning
            chosen = run(
                load_config(config),
                config.resolve().parent,
                out,
                strengths=_parse_strengths(strengths),
                seeds=seeds,
                jobs=jobs,
                scheduler=scheduler,
                progress=not quiet,
                others=other_versions,
            )
    except LeafpathError as error:
        raise click.ClickException(str(error)) from error
    click.echo(chosen.table, nl=False)
    for line in (*chosen.notes, f"{chosen.bundle}: {chosen.digest}"):
        click.echo(line)


def _parse_strengths(text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in (text or "").split(",") if part)
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: expected numbers, separated by commas",
            param_hint="--strengths",
        ) from None


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
