"""API keys: who may ask, and for which models."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.errors import SettingsError

ALL_MODELS, NO_MODEL = "*", "-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_QUOTA = re.compile(r"([1-9][0-9]{0,11})/min\Z")
_FORMAT = (
    "expected 'name sha256 models [quota]', models being '*', names with commas or '-' "
    "for none, and the quota network rows a minute, such as 50000/min"
)


@dataclass(frozen=True)
class ApiKey:
    """One key: the SHA-256 of its text, the models that it opens, and its quota.

    ``rows_per_minute`` are rows through the network; None is as many as it likes.
    """

    name: str
    digest: bytes
    models: frozenset[str]
    rows_per_minute: int | None = None

    def opens(self, model: str) -> bool:
        """Whether the key may use a model."""
        return ALL_MODELS in self.models or model in self.models

    @property
    def is_operator(self) -> bool:
        """Whether the key may know of every model: it opens all of them, or none."""
        return ALL_MODELS in self.models or self.models == {NO_MODEL}


@dataclass(frozen=True)
class KeyRing:
    """Every key of the server."""

    keys: Sequence[ApiKey]

    def find(self, text: str) -> ApiKey | None:
        """Return the key with this text, comparing all of them in constant time."""
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest().encode()
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def read_keys(path: Path) -> KeyRing:
    """Read a key file: ``name sha256 models [quota]`` a line; ``#`` starts a
    comment.

    Raises
    ------
    SettingsError
        The file cannot be read, a line is malformed, a name stands twice, or there is
        no key at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"LEAFPATH_API_KEYS_FILE: {path}: {error}") from error
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"LEAFPATH_API_KEYS_FILE: {path}, line {number}"
        key = _read_line(words, where)
        if key.name in keys:
            raise SettingsError(f"{where}: the name {key.name!r} stands twice")
        keys[key.name] = key
    if not keys:
        raise SettingsError(f"LEAFPATH_API_KEYS_FILE: {path} holds no key; {_FORMAT}")
    return KeyRing(tuple(keys.values()))


def _read_line(words: list[str], where: str) -> ApiKey:
    quota = _QUOTA.match(words[3]) if len(words) == 4 else None
    if len(words) == 4 and quota is None:
        # Without the word: it may be a key that somebody wrote down in plain.
        raise SettingsError(f"{where}: the fourth word is no quota; {_FORMAT}")
    if (
        len(words) not in (3, 4)
        or not _NAME.match(words[0])
        or not _SHA256.match(words[1])
    ):
        raise SettingsError(f"{where}: {_FORMAT}")
    name, digest, models = words[:3]
    return ApiKey(
        name,
        digest.encode(),
        frozenset(filter(None, models.split(","))),
        int(quota[1]) if quota else None,
    )
