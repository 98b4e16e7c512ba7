"""From settings to a cache."""

from pathlib import Path

from api.cache.interface import Cache, NullCache, Observe
from api.cache.memory import MemoryCache
from api.cache.redis import RedisCache
from api.cache.tiered import TieredCache
from api.errors import SettingsError
from api.settings import Settings

MIN_SECRET_BYTES = 16


def open_cache(settings: Settings, observe: Observe) -> Cache:
    """Return the cache that the settings describe. Connects to nothing yet.

    Raises
    ------
    SettingsError
        The key file is too short to be a secret.
    """
    near: Cache = NullCache()
    if settings.cache_bytes:
        near = MemoryCache(settings.cache_bytes, observe)
    if settings.cache_url.startswith("memory://"):
        return near
    secret = read_secret(settings.cache_key_file)
    return TieredCache(near, RedisCache(settings.cache_url, observe, secret))


def read_secret(path: Path | None) -> bytes | None:
    """Return the content of the key file, without the white space around it.

    Raises
    ------
    SettingsError
        The file cannot be read, or is too short to be a secret.
    """
    if path is None:
        return None
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"LEAFPATH_CACHE_KEY_FILE: {error}") from error
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"LEAFPATH_CACHE_KEY_FILE: {path} has {len(secret)} bytes; a secret needs "
            f"at least {MIN_SECRET_BYTES}: openssl rand -hex 32 makes one"
        )
    return secret
