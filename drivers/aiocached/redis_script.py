"""A Lua script in two forms: with flags for Redis 7 and its kin, and without them for Redis 6.2."""

from dataclasses import dataclass, field
from hashlib import sha1


@dataclass(frozen=True, slots=True)
class Form:
    """What is sent to a server."""

    text: str
    sha1: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha1", sha1(self.text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class ServerScript:
    """A script that may run twice.

    With its first line of flags, a server refuses the whole script if it may not write: on a replica, on a master that lacks its
    replicas, or when it is full. Without, a script that only reads would be served by a master that another has replaced.
    """

    plain: Form
    flagged: Form


def reading(text: str) -> ServerScript:
    """Return a script that reads, or that frees room: a full server runs it, too."""
    # Not `no-writes`: with it, a master that lacks its replicas would run it.
    return ServerScript(Form(text), Form(f"#!lua flags=allow-oom\n{text}"))


def writing(text: str) -> ServerScript:
    """Return a script that needs room."""
    return ServerScript(Form(text), Form(f"#!lua\n{text}"))
