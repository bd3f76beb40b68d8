"""Of which classes some parts are. With traces there are others, so that without them nothing is asked at any step."""

from msgspec import Struct

from connector.cache import Loads
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.sessions.logouts import Logouts
from connector.workers.reaper import Reaper


class Kinds(Struct, frozen=True):
    """The classes of the parts whose work has spans."""

    storage: type[Storage] = Storage
    loads: type[Loads] = Loads
    logouts: type[Logouts] = Logouts
    orchestrator: type[Orchestrator] = Orchestrator
    reaper: type[Reaper] = Reaper


UNTRACED = Kinds()
"""Those of an application without traces."""
