"""The cache that a connector's author builds on: typed values of a session or of a system, gone with their cleanup."""

from connector.cache.cache import Cache
from connector.cache.caches import Caches
from connector.cache.decorator import cached
from connector.cache.entries import Entries
from connector.cache.life import DEFAULT_TTL
from connector.cache.loads import Loads

__all__ = ["DEFAULT_TTL", "Cache", "Caches", "Entries", "Loads", "cached"]
