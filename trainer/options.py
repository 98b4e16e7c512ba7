"""Options that several commands of the trainer share. Imports no torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

data_option = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Directory that a data file is looked for in (of a bundle).",
)
quiet_option = click.option("--quiet", is_flag=True, help="Draw no progress bars.")


def takes_source(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command SOURCE (a bundle or a configuration), --out and --data."""
    source = click.argument("source", type=click.Path(exists=True, path_type=Path))
    out = click.option(
        "--out",
        type=click.Path(path_type=Path),
        help="Where the bundle is written; by default DIR itself. CONFIG needs it.",
    )
    return source(out(data_option(command)))
