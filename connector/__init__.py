"""The session half of an OpsHub connector. What the author of one needs can be imported from here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from connector.version import __version__

if TYPE_CHECKING:
    from connector.api.http_errors import ApiError, BadRequest, Conflict, NotFound, RateLimited, Unauthorized, Unavailable
    from connector.api.session_of_request import session
    from connector.app import create_app
    from connector.cache import cached
    from connector.cleanups.hooks import Hooks
    from connector.cli.running import run
    from connector.sessions.session import Session

__all__ = [
    "ApiError",
    "BadRequest",
    "Conflict",
    "Hooks",
    "NotFound",
    "RateLimited",
    "Session",
    "Unauthorized",
    "Unavailable",
    "__version__",
    "cached",
    "create_app",
    "run",
    "session",
]

if not TYPE_CHECKING:  # otherwise any name would pass the type checker

    def __getattr__(name: str) -> Any:
        """Import what is asked for, and only then: the drivers and the command line do without the rest."""
        homes = {
            "Hooks": "connector.cleanups.hooks",
            "Session": "connector.sessions.session",
            "cached": "connector.cache",
            "create_app": "connector.app",
            "run": "connector.cli.running",
            "session": "connector.api.session_of_request",
        }
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(homes.get(name, "connector.api.http_errors")), name)
