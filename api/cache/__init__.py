"""Where costly explanations are kept: in memory, in Redis, or both."""

from api.cache.interface import Cache, CacheEvent, Entry, NullCache, Observe
from api.cache.opening import open_cache

__all__ = ["Cache", "CacheEvent", "Entry", "NullCache", "Observe", "open_cache"]
