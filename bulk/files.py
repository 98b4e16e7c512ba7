"""Files that are whole or not there at all, whenever the writer was killed."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a place to write to; afterwards ``path`` is what was written there.

    Its name is unique over machines, so that two writers of one file do not mix.
    """
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield scratch
        with scratch.open("rb+") as stream:
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or the next start, sees all of it or none."""
    with whole_file(path) as scratch:
        scratch.write_bytes(content)


def remove_remains(directory: Path, pattern: str) -> None:
    """Delete what killed writers of the files that match ``pattern`` left behind."""
    for scratch in directory.glob(f".{pattern}.*"):
        scratch.unlink(missing_ok=True)
