"""All settings of the server: one frozen object, read once from the environment."""

import difflib
import functools
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.errors import SettingsError
from api.redis_client import SENTINEL, read_sentinel_url

PREFIX = "LEAFPATH_"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}\Z")

_CAP = re.compile(
    r"(?:([a-z0-9][a-z0-9._-]{0,63}):)?([a-z_]+)\.([a-z_]+)=([0-9]{1,9})\Z"
)
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")

CACHE_SCHEMES = ("memory", "redis", "rediss", "unix", SENTINEL)
JOBS_SCHEMES = ("sqlite", "redis", "rediss", "unix", SENTINEL)
DEFAULT_JOBS_URL = "sqlite://"
"""A file of this port's server in the temporary directory."""


def _setting(default: Any, read: Callable[[str], Any], meaning: str) -> Any:
    return field(default=default, metadata={"read": read, "meaning": meaning})


def _directory(text: str) -> Path:
    if not text:
        raise ValueError("expected a directory")
    return Path(text)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1024:
        raise ValueError("expected a number from 1 to 1024")
    return int(text)


def _bytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 2**40:
        raise ValueError("expected a number of bytes, such as 4194304")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text) if _DECIMAL.match(text) else 0.0
    if not 0 < seconds <= 86_400:
        raise ValueError("expected a number of seconds up to 86400, such as 60 or 2.5")
    return seconds


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("expected 0 or 1")
    return text == "1"


@dataclass(frozen=True)
class Cap:
    """The most that a request may ask of a method's parameter.

    ``model`` is None where the cap is for every model that has none of its own.
    """

    model: str | None
    method: str
    parameter: str
    most: int


def _caps(text: str) -> tuple[Cap, ...]:
    caps: dict[tuple[str | None, str, str], Cap] = {}
    for word in filter(None, map(str.strip, text.split(","))):
        found = _CAP.match(word)
        if found is None:
            raise ValueError(
                f"{word!r} is no cap, such as lime.samples=2000 for all models or "
                "credit:lime.samples=500 for one"
            )
        model, method, parameter, most = found.groups()
        if (model, method, parameter) in caps:
            raise ValueError(f"{word!r} caps what is capped before it")
        cap = Cap(model, method, parameter, int(most))
        caps[model, method, parameter] = cap
    return tuple(caps.values())


def _bind(text: str) -> str:
    if not _ADDRESS.match(text) or not 0 < int(text.rpartition(":")[2]) < 2**16:
        raise ValueError("expected host:port, such as 127.0.0.1:8000 or [::1]:8000")
    return text


def _cache_url(text: str) -> str:
    return _url(text, CACHE_SCHEMES)


def _jobs_url(text: str) -> str:
    if text.startswith("sqlite:") and not text.startswith("sqlite:///"):
        raise ValueError("expected a path, such as sqlite:////var/lib/leafpath/jobs.db")
    return _url(text, JOBS_SCHEMES)


def _url(text: str, known: tuple[str, ...]) -> str:
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in known:
        schemes = ", ".join(f"{name}://" for name in known)
        raise ValueError(f"expected a URL that starts with one of {schemes}")
    if scheme == SENTINEL:
        read_sentinel_url(text)
    elif urlsplit(text).port == 0:  # raises ValueError itself when it is no number
        raise ValueError("port 0 is none")
    return text


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the server was told; ``from_environment`` reads it, tests build it."""

    bundles: Path = _setting(
        Path(__file__).resolve().parent.parent / "bundles",
        _directory,
        "directory whose subdirectories are bundles",
    )
    bind: str = _setting("127.0.0.1:8000", _bind, "host:port to listen on")
    workers: int = _setting(
        len(os.sched_getaffinity(0)), _count, "processes; the default is the CPU count"
    )
    threads: int = _setting(4, _count, "threads of each worker")
    cache_url: str = _setting(
        "memory://", _cache_url, "where costly explanations are kept"
    )
    cache_bytes: int = _setting(
        32 * 2**20, _bytes, "memory of each worker's own cache; 0 switches it off"
    )
    cache_key_file: Path | None = _setting(
        None, _file, "file whose content authenticates cached values (HMAC-SHA256)"
    )
    jobs_url: str = _setting(DEFAULT_JOBS_URL, _jobs_url, "where jobs are kept")
    jobs_kept_s: float = _setting(
        86_400.0, _seconds, "how long a job and its result are kept"
    )
    jobs_per_key: int = _setting(
        100, _count, "most jobs of one API key that have not ended"
    )
    api_keys_file: Path | None = _setting(
        None, _file, "file of API keys; without it nobody is asked for one"
    )
    trusted_keys: Path | None = _setting(
        None, _file, "PEM file of ed25519 keys; bundles must be signed by one of them"
    )
    allow_anonymous: bool = _setting(
        False, _flag, "1 lets a server without keys listen beyond this machine"
    )
    caps: tuple[Cap, ...] = _setting(
        (), _caps, "most that requests may ask of a method's parameter"
    )
    max_body_bytes: int = _setting(4 * 2**20, _bytes, "longest request body")
    max_timeout_s: float = _setting(
        60.0, _seconds, "longest time of a request, whatever Request-Timeout asks"
    )

    def __post_init__(self) -> None:
        if self.max_body_bytes < 1:
            raise SettingsError("LEAFPATH_MAX_BODY_BYTES must be at least 1")
        if self.is_open() and not self.allow_anonymous:
            raise SettingsError(
                f"LEAFPATH_BIND={self.bind} lets other machines in, and no keys are "
                "set: set LEAFPATH_API_KEYS_FILE, or LEAFPATH_ALLOW_ANONYMOUS=1 to "
                "serve everyone, or listen on 127.0.0.1"
            )

    @property
    def computes_jobs(self) -> bool:
        """Whether the workers of the server compute jobs too, and no others."""
        return self.jobs_url.startswith("sqlite:")

    @property
    def host(self) -> str:
        """The host part of ``bind``."""
        return urlsplit(f"//{self.bind}").hostname or ""

    @property
    def port(self) -> int:
        """The port part of ``bind``."""
        return urlsplit(f"//{self.bind}").port or 0

    def is_private(self) -> bool:
        """Whether the server means to answer programs of this machine alone."""
        keyless = self.api_keys_file is None and not self.allow_anonymous
        return keyless and is_loopback(self.host)

    def is_open(self) -> bool:
        """Whether other machines can reach the server without a key."""
        return self.api_keys_file is None and not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine as seen by itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read every LEAFPATH_* variable.

    Raises
    ------
    SettingsError
        A name is unknown or not supported by this version, or a value is malformed.
    """
    known = {field.name.upper(): field for field in fields(Settings)}
    values: dict[str, Any] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        if name not in known:
            raise SettingsError(_refusal(variable, name, list(known)))
        try:
            values[name.lower()] = known[name].metadata["read"](environ[variable])
        except ValueError as error:
            # Without the value: a cache URL may hold a password.
            raise SettingsError(f"{variable} is malformed: {error}") from error
    return Settings(**values)


@functools.cache
def process_settings() -> Settings:
    """Return the settings of this process, read from its environment once."""
    return from_environment(os.environ)


def _refusal(variable: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {PREFIX}{close[0]}?" if close else ""
    choices = ", ".join(PREFIX + choice for choice in known)
    return f"unknown setting {variable}; {hint or f'the settings are {choices}'}"
