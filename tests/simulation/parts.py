"""What a simulated process is made of; a mutant replaces one of these."""

from dataclasses import dataclass

from connector.cache import Caches, Entries, Loads
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from drivers.memory import MemoryDriver


@dataclass(frozen=True, slots=True)
class Parts:
    """The real classes, unless a mutant stands in for one."""

    caches: type[Caches] = Caches
    entries: type[Entries] = Entries
    loads: type[Loads] = Loads
    storage: type[Storage] = Storage
    orchestrator: type[Orchestrator] = Orchestrator
    authority: type[MemoryDriver] = MemoryDriver


REAL = Parts()
