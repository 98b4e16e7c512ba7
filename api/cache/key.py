"""The key of a cached explanation: everything that the answer depends on, hashed.

Never the client, never the request as text: model b must not answer with model a's
explanation, and a fresh request id must not miss.
"""

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

import explainers
from explainers.methods.base import Parameters

_LIBRARIES = ("leafpath", "numpy", "onnxruntime", "orjson")


class ExplanationKeys:
    """Keys for one model, method and parameters; call it with each input row."""

    def __init__(self, digest: str, method: str, parameters: Parameters) -> None:
        # msgspec writes every field in its declared order, defaults included.
        self._prefix = _prefix(digest, method, msgspec.json.encode(parameters))

    def __call__(self, row: NDArray[np.generic]) -> bytes:
        """Return the key (32 bytes) of one input, any shape."""
        key = self._prefix.copy()
        for part in (row.dtype.str.encode(), repr(row.shape).encode(), row.tobytes()):
            _update(key, part)
        return key.digest()


@functools.lru_cache(maxsize=256)
def _prefix(digest: str, method: str, parameters: bytes) -> "hashlib._Hash":
    """Hash what rows share. The result is only ever copied."""
    prefix = hashlib.sha256()
    for part in (software_digest(), digest.encode(), method.encode(), parameters):
        _update(prefix, part)
    return prefix


def _update(key: "hashlib._Hash", part: bytes) -> None:
    key.update(len(part).to_bytes(8, "big"))  # ("ab", "c") is not ("a", "bc")
    key.update(part)


@functools.cache
def software_digest() -> bytes:
    """Return a digest of the code that computes explanations.

    Two versions that share a Redis during a rolling update must not share values.
    """
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        _update(digest, f"{library} {_version(library)}".encode())
    source = Path(explainers.__path__[0])
    for path in sorted(source.rglob("*.py")):
        _update(digest, path.relative_to(source).as_posix().encode())
        _update(digest, path.read_bytes())
    return digest.digest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"
