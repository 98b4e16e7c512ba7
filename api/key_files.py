"""The files of keys and secrets: read once a generation, and where one is bad since a
HUP, as they were before.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from api.cache.opening import read_secret
from api.generations import Generation
from api.keys import read_keys
from api.model_store import signature_check
from api.settings import PREFIX, Settings

_READERS: Mapping[str, Callable[[Path], object]] = {
    "api_keys_file": read_keys,
    "cache_key_file": read_secret,
    "trusted_keys": signature_check,
}
"""Setting -> what reads its file, and raises SettingsError where it cannot be meant."""


def check_key_files(settings: Settings) -> None:
    """Read each file once, for its mistakes to be told.

    Raises
    ------
    SettingsError
        A file cannot be read, or not be meant.
    """
    for name, read in _READERS.items():
        if (path := getattr(settings, name)) is not None:
            read(path)


def good_files(settings: Settings) -> tuple[Settings, dict[str, str]]:
    """Return the settings with files that can be meant, and what was refused.

    The latter is by variable, with the reason; the file from before is used there.

    Raises
    ------
    SettingsError
        A file cannot be meant, and there is none from before.
    """
    generation = Generation.current()
    if generation is None:
        return settings, {}
    copies: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name, read in _READERS.items():
        if (path := getattr(settings, name)) is None:
            continue
        copies[name], problem = generation.good_file(name, path, read)
        if problem is not None:
            refused[PREFIX + name.upper()] = problem
    return replace(settings, **copies), refused
