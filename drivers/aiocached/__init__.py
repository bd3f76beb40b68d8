"""The driver over aiocache: entries in Redis (or Valkey), in memcached, or in this process's memory.

Of aiocache's classes it uses the connections, the encoding of commands and the plain key-value verbs. What lies under the
keys, and how a scope is evicted, is this package's own: one layout for each kind of store.
"""

from drivers.aiocached.aiocache_driver import AiocacheDriver
from drivers.aiocached.aiocache_settings import AiocacheSettings

__all__ = ["AiocacheDriver", "AiocacheSettings"]
