"""What an author's class has to look like, and what its methods return: checked, with words that name the method."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from inspect import isabstract, iscoroutinefunction, signature
from typing import TypeVar

import aiohttp

from connector.endsystems.end_system import EndSystem, EndSystemSettings, SessionLogin, name_of_place

T = TypeVar("T")
Client = AbstractAsyncContextManager[aiohttp.ClientSession]
ARGUMENTS = {
    "open": (),
    "aclose": (),
    "login": ("session_id", "settings"),
    "logout": ("session",),
    "client": ("session",),
    "origin": ("session",),
    "origin_to_come": ("session", "settings"),
    "check_settings": ("settings",),
    "settings_for_handlers": ("settings",),
}
"""The methods that are called here, and their arguments."""
NOT_AWAITED = frozenset(["client", "origin", "origin_to_come", "check_settings", "settings_for_handlers"])


def misfits(implementation: type[EndSystem]) -> Iterator[str]:
    """Yield what keeps a class from being used, as far as its definition shows."""
    name = implementation.__name__
    if isabstract(implementation):
        yield f"the class {name} lacks the method {' and '.join(sorted(implementation.__abstractmethods__))}"
    if not _can_be_called(implementation, "settings"):
        yield f"the class {name} cannot be made: expected `def __init__(self, settings)`"
    if not (isinstance(implementation.Settings, type) and issubclass(implementation.Settings, EndSystemSettings)):
        yield f"{name}.Settings: expected a class that derives from `connector.EndSystemSettings`"
    if isinstance(implementation.needed_headers, str):
        yield f"{name}.needed_headers: expected a list of names, not one text"
    for method, arguments in ARGUMENTS.items():
        found = getattr(implementation, method)
        is_awaited = method not in NOT_AWAITED
        if not _can_be_called(found, "self", *arguments) or (iscoroutinefunction(found) and not is_awaited):
            written = f"{'async ' * is_awaited}def {method}({', '.join(['self', *arguments])})"
            yield f"the method {name}.{method} cannot be called: expected `{written}`"


def settings_problems(end_system: EndSystem, settings: Mapping[str, str]) -> list[str]:
    """Return everything that is wrong with a system's settings, as `EndSystem.check_settings` does. Raises `TypeError`."""
    found = end_system.check_settings(settings)
    if isinstance(found, str):
        raise TypeError(f"{type(end_system).__qualname__}.check_settings returned a text; expected a list of texts")
    return [*(found or ())]


def handed_on(end_system: EndSystem, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return what handlers get of a system's settings, as `EndSystem.settings_for_handlers` does. Raises `TypeError`."""
    found = end_system.settings_for_handlers(settings)
    texts = [*found, *found.values()] if isinstance(found, Mapping) else [found]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{type(end_system).__qualname__}.settings_for_handlers: expected texts by their names")
    return found


def place_of(end_system: EndSystem, session: SessionLogin) -> str:
    """Return the name of the place where a login is ended, as `EndSystem.origin` does. Raises `TypeError`."""
    return _named(end_system, "origin", end_system.origin(session))


def place_to_come(end_system: EndSystem, session: SessionLogin, settings: Mapping[str, str]) -> str:
    """Return the name of the place where a login will be made, as `EndSystem.origin_to_come` does. Raises `TypeError`."""
    return _named(end_system, "origin_to_come", end_system.origin_to_come(session, settings))


def _named(end_system: EndSystem, method: str, name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{type(end_system).__qualname__}.{method} returned {type(name).__name__}; expected a text")
    return name_of_place(name)


def checked_client(client: Client) -> Client:
    """Return what `EndSystem.client` has returned. Raises `TypeError` if that is no context."""
    if not isinstance(client, AbstractAsyncContextManager):
        what = type(client).__name__
        raise TypeError(f"the method `client` returned {what}; expected a context, such as `self.guarded.http(...)`")
    return client


async def returned(work: Awaitable[T], kind: type[T]) -> T:
    """Return what an author's method returns. Raises `TypeError` if that is of another kind."""
    name = getattr(work, "__qualname__", "a method of the end system's class")
    if not isinstance(work, Awaitable):
        raise TypeError(f"{name} returned {type(work).__name__}, which cannot be awaited: write `async def`")
    outcome = await work
    if isinstance(outcome, kind):
        return outcome
    remedy = ": is a `return` missing?" if outcome is None else ""
    raise TypeError(f"{name} returned {type(outcome).__name__}; expected a connector.{kind.__name__}{remedy}")


def _can_be_called(method: Callable[..., object], *arguments: str) -> bool:
    try:
        signature(method).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # one that is written in C tells nothing
        return True
    return True
