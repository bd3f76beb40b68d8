"""The cache that a connector's author builds on: typed values of a session or of a system, gone with their cleanup."""

from connector.cache.cache import Cache
from connector.cache.caches import Caches
from connector.cache.decorator import cached
from connector.cache.life import DEFAULT_TTL

__all__ = ["DEFAULT_TTL", "Cache", "Caches", "cached"]
