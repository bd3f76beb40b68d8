"""The session half of an OpsHub connector. What the author of one needs can be imported from here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from connector.version import __version__ as __version__

if TYPE_CHECKING:
    from connector.public import *  # noqa: F403 - each name stands there, once
else:  # otherwise any name would pass the type checker

    def __getattr__(name: str) -> Any:
        """Import the public names when one is asked for, and only then: most modules, and most commands, do without them."""
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        public = import_module("connector.public")
        if name == "__all__":
            return ["__version__", *(public_name for public_name in vars(public) if not public_name.startswith("_"))]
        try:
            return getattr(public, name)
        except AttributeError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
