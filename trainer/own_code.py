"""Finding the functions that a configuration names: "package.module:function"."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError


def search_beside(base: Path) -> None:
    """Let modules in ``base`` (the configuration's directory) be imported."""
    place = str(base.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)


def find_function(reference: str, key: str) -> Callable[..., Any]:
    """Import what "package.module:function" names.

    Parameters
    ----------
    key : of the configuration, for messages.

    Raises
    ------
    ConfigError
        The reference is malformed, or there is no such module or function.
    """
    name, colon, attribute = reference.partition(":")
    if not colon or not name or not attribute.isidentifier():
        raise ConfigError(f"{key} is {reference!r}; expected 'package.module:function'")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"{key} {reference!r}: {error}") from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ConfigError(
            f"{key} {reference!r}: module {name!r} has no function {attribute!r}"
        )
    return function  # type: ignore[no-any-return]
