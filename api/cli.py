"""The command `leafpath serve`: checks what can be checked, then becomes gunicorn."""

import os
import socket
import sys
from pathlib import Path
from typing import cast

import click
import numpy as np
import orjson

from api.caps import check_caps
from api.errors import SettingsError
from api.examples import example_instance, is_shown
from api.key_files import check_key_files
from api.model_store import find_bundles, signature_check
from api.settings import Settings, process_settings
from explainers.arrays import Indexes, Inputs
from explainers.bundle import Bundle, decode_array, read_bundle
from explainers.errors import BundleError
from explainers.loading import BACKGROUND, BACKGROUND_LENGTHS

CONFIGURATION = Path(__file__).resolve().parent.parent / "deploy" / "gunicorn.conf.py"
APPLICATION = "api.app:create_app()"


@click.command()
def serve() -> None:
    """Serve every bundle in LEAFPATH_BUNDLES over HTTP.

    Settings are read from LEAFPATH_* variables. SIGHUP loads the bundles anew, SIGTERM
    finishes the requests that are being answered and stops.
    """
    try:
        settings = process_settings()
        bundles = _read_bundles(settings.bundles, settings.trusted_keys)
        check_caps(settings.caps)
        check_key_files(settings)
        _check_port(settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(_greeting(settings, bundles))
    sys.stdout.flush()
    command = ["gunicorn", "--config", str(CONFIGURATION), APPLICATION]
    os.execv(sys.executable, [sys.executable, "-m", *command])


def _read_bundles(directory: Path, trusted_keys: Path | None) -> list[Bundle]:
    """Return the bundles that can be served; complain about each of the others."""
    check = signature_check(trusted_keys)
    good: dict[str, Bundle] = {}
    for path in find_bundles(directory):
        try:
            bundle = read_bundle(path, check)
        except BundleError as error:
            click.echo(f"{path} will not be served: {error}", err=True)
            continue
        name = bundle.manifest.name
        if name in good:
            raise SettingsError(
                f"two bundles in {directory} hold a model named {name!r} ({path.name} "
                "is one); remove one, or train it under another name"
            )
        good[name] = bundle
    if not good:
        raise SettingsError(
            f"no bundle can be served from {directory} (LEAFPATH_BUNDLES): train one "
            f"with `leafpath train CONFIG.toml --out {directory / 'NAME'}`"
        )
    return list(good.values())


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {settings.bind} (LEAFPATH_BIND): {error.strerror}"
            ) from error


def _greeting(settings: Settings, bundles: list[Bundle]) -> str:
    """Say where the server listens, and give one request to try."""
    names = ", ".join(bundle.manifest.name for bundle in bundles)
    greeting = (
        f"Serving {names} at http://{settings.bind} ({settings.workers} workers with "
        f"{settings.threads} threads each; documentation at /docs)."
    )
    shown = [bundle for bundle in bundles if is_shown(bundle.manifest.input)]
    return f"{greeting} Try:\n\n{_request(settings, shown[0])}" if shown else greeting


def _request(settings: Settings, bundle: Bundle) -> str:
    key = "  -H 'Authorization: Bearer KEY' \\\n" if settings.api_keys_file else ""
    return (
        f"curl http://{settings.bind}/v1/models/{bundle.manifest.name}:explain \\\n"
        f"{key}  -H 'Content-Type: application/json' \\\n"
        f"  -d {_quoted(_example_body(bundle))}\n"
    )


def _example_body(bundle: Bundle) -> str:
    background = cast(Inputs, decode_array(bundle, BACKGROUND))
    lengths = np.ones(len(background), dtype=np.int64)
    if bundle.manifest.family == "sequence":
        lengths = cast(Indexes, decode_array(bundle, BACKGROUND_LENGTHS))
    instance = example_instance(bundle.manifest.input, background, lengths)
    return orjson.dumps({"instances": [instance]}).decode()


def _quoted(text: str) -> str:
    """Quote for a shell; a category may hold an apostrophe."""
    return "'" + text.replace("'", "'\\''") + "'"


@click.command()
def work() -> None:
    """Compute the jobs of LEAFPATH_JOBS_URL, as one process of any number.

    Servers whose jobs are in Redis leave them to such processes. SIGTERM gives back
    what is begun and stops; new bundles need a new process.
    """
    try:
        settings = process_settings()
        _read_bundles(settings.bundles, settings.trusted_keys)
        check_caps(settings.caps)
        check_key_files(settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    # As for the server (deploy/gunicorn.conf.py); numpy reads it when it is imported.
    alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "api.jobs.worker"]
    os.execve(sys.executable, command, alone | os.environ)
