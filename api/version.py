"""The version of the program that runs."""

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("leafpath")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0"


VERSION = _version()
