"""What of a debt is JSON text in its row: the last answer, and the evictions that are owed."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from connector.outcomes import LogoutOutcome
from drivers import Everything, Scope, SessionScope, SystemScope

SCOPES: dict[str, Callable[..., Scope]] = {"session": SessionScope, "system": SystemScope, "everything": Everything}
Owed = dict[str, list[list[str | None]]]
"""By driver, each scope as its kind and what it is made of."""


def encoded_outcome(outcome: LogoutOutcome) -> str:
    """Return the text for an outcome; an end system may answer with anything, be it no character at all."""
    clean_outcome = replace(
        outcome, code=outcome.code and clean(outcome.code), message=outcome.message and clean(outcome.message)
    )
    return msgspec.json.encode(clean_outcome).decode()


def decoded_outcome(text: str) -> LogoutOutcome:
    """Return the outcome that a text stands for."""
    return msgspec.json.decode(text, type=LogoutOutcome)


def encoded_evictions(evictions: Mapping[str, tuple[Scope, ...]]) -> str | None:
    """Return the text for the evictions that are owed to drivers; None if there are none, so that an index tells."""
    scopes = {driver: [_encoded_scope(scope) for scope in owed] for driver, owed in evictions.items()}
    return msgspec.json.encode(scopes).decode() if scopes else None


def decoded_evictions(text: str) -> dict[str, tuple[Scope, ...]]:
    """Return the evictions that a text stands for."""
    decoded = msgspec.json.decode(text, type=Owed)
    return {driver: tuple(_decoded_scope(scope) for scope in scopes) for driver, scopes in decoded.items()}


def clean(text: str) -> str:
    """Replace what is no character and could not be stored."""
    return text.encode("utf-8", "replace").decode()


def _encoded_scope(scope: Scope) -> list[str | None]:
    match scope:
        case SessionScope(session_id, system_id):
            return ["session", session_id, system_id]
        case SystemScope(system_id):
            return ["system", system_id]
        case Everything():
            return ["everything"]


def _decoded_scope(values: list[Any]) -> Scope:
    kind, *names = values
    return SCOPES[str(kind)](*names)
