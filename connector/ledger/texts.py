"""The JSON texts in the row of a debt: the last outcome, and the evictions that are owed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from connector.model.outcomes import LivesOn, LogoutOutcome, LogoutResult
from drivers import Everything, Scope, SessionScope, SystemScope

SCOPES: dict[str, Callable[..., Scope]] = {"session": SessionScope, "system": SystemScope, "everything": Everything}
Owed = dict[str, list[list[str | None]]]
"""By driver, each scope as its kind and what it is made of."""


class _Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last outcome, and where else the logout may be sent: the table has no column for that."""

    result: LogoutResult | None = None
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    proved: bool | None = None
    lives_on: tuple[LivesOn, ...] = ()
    moved_to: str | None = None


def encoded_outcome(outcome: LogoutOutcome | None, moved_to: str | None) -> str | None:
    """Return the text for an outcome; an end system may answer with anything, even with what is no text."""
    if outcome is None:
        return moved_to and msgspec.json.encode(_Told(moved_to=moved_to)).decode()
    code, message = outcome.code and clean(outcome.code), outcome.message and clean(outcome.message)
    told = _Told(outcome.result, code, message, outcome.retry_after, outcome.proved, outcome.lives_on, moved_to)
    return msgspec.json.encode(told).decode()


def decoded_outcome(text: str) -> tuple[LogoutOutcome | None, str | None]:
    """Return the outcome that a text stands for, and where else the logout may be sent."""
    told = msgspec.json.decode(text, type=_Told)
    if told.result is None:
        return None, told.moved_to
    outcome = LogoutOutcome(told.result, told.code, told.message, told.retry_after, told.proved, told.lives_on)
    return outcome, told.moved_to


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


def without_trace(values: Sequence[Any], empty: Sequence[object]) -> Sequence[Any]:
    """Return the values of a row without those at its end that are `empty`, the last one first."""
    end = len(values)
    for nothing in empty:
        if values[end - 1] != nothing:
            break
        end -= 1
    return values[:end]
