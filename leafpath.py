"""The command `leafpath`. Each subcommand imports only its own room, when it is run."""

import importlib
from pathlib import Path
from types import ModuleType

import click

COMMANDS = {
    "train": "trainer.cli:train",
    "sweep": "trainer.cli:sweep",
    "evaluate": "trainer.evaluate.cli:evaluate",
    "landscape": "trainer.landscape.cli:landscape",
    "visualize": "trainer.visualize.cli:visualize",
    "explain": "bulk.cli:explain",
    "serve": "api.cli:serve",
    "work": "api.cli:work",
}
"""Commands that live in a room of their own: training needs torch, serving Flask."""


class Commands(click.Group):
    """A group that imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, without importing any."""
        return sorted([*COMMANDS, *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`leafpath {cmd_name}` needs the package {error.name!r}, which is not "
                "installed. Training needs the extra: pip install 'leafpath[train]' "
                "(in a checkout: make setup)"
            ) from error
        if not isinstance(command, click.Command):
            raise click.ClickException(f"{COMMANDS[cmd_name]} is not a command")
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="leafpath")
def main() -> None:
    """Train networks that a small tree explains; serve them with explanations."""


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    help="Trust only what one of the public keys in this PEM file has signed.",
)
def verify(bundle: Path, keys: Path | None) -> None:
    """Check the bundle in directory BUNDLE without serving it.

    Exits with 0 when every file, graph and golden output is as its manifest says, and
    with 1 and one line that says what is wrong when not.
    """
    from explainers.errors import BundleError, KeyFileError
    from explainers.loading import open_model

    try:
        check = None if keys is None else _signatures().read_trusted_keys(keys).check
        model = open_model(bundle, check)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    except BundleError as error:
        raise click.ClickException(f"{bundle}: {error}") from error
    click.echo(
        f"{bundle}: ok, {model.name} version {model.manifest.version}, "
        f"{len(model.manifest.files)} files, {model.digest}"
    )


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
def keygen(path: Path) -> None:
    """Make an ed25519 key: the private part in PATH, the public part in PATH.pub.

    `leafpath sign` takes the first; LEAFPATH_TRUSTED_KEYS and `leafpath verify --keys`
    take the second, or a file with several of them.
    """
    from explainers.errors import KeyFileError

    try:
        public = _signatures().generate_key(path)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"private key {path} (keep it secret), public key {public}")


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path),
    help="Private ed25519 key (PEM): `leafpath keygen` makes one.",
)
def sign(bundle: Path, key: Path) -> None:
    """Sign the bundle in directory BUNDLE: write its manifest.sig."""
    from explainers.errors import BundleError, KeyFileError

    try:
        digest = _signatures().sign_bundle(bundle, key)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    except BundleError as error:
        raise click.ClickException(f"{bundle}: {error}") from error
    click.echo(f"{bundle}: signed, {digest}")


def _signatures() -> ModuleType:
    try:
        return importlib.import_module("explainers.signatures")
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"signatures need the package {error.name!r}, which is not installed: "
            "pip install 'leafpath[sign]'"
        ) from error


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
def describe(bundle: Path) -> None:
    """Print what the bundle in directory BUNDLE is: metrics, tree and rules."""
    from explainers.describe import describe_model
    from explainers.errors import BundleError
    from explainers.loading import open_model

    try:
        click.echo(describe_model(open_model(bundle)), nl=False)
    except BundleError as error:
        raise click.ClickException(f"{bundle}: {error}") from error


if __name__ == "__main__":
    main()
