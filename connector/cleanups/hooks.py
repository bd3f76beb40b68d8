"""The author's own part of a cleanup, for what he keeps of a session or system elsewhere: in files or tables."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from inspect import iscoroutinefunction, signature, unwrap
from typing import TypeVar

from connector.model.cleanup import CleanupRequest, Timed
from connector.model.outcomes import HookOutcome, HookResult
from connector.runtime.steps import step

Hook = Callable[[], Awaitable[None]]
SessionHook = Callable[[str, str | None], Awaitable[None]]
"""Called with the session's id, canonical UUID text, and its system's, None from an OpsHub that names none."""
SystemHook = Callable[[str], Awaitable[None]]
"""Called with the system's id."""
SessionHookT = TypeVar("SessionHookT", bound=SessionHook)
SystemHookT = TypeVar("SystemHookT", bound=SystemHook)


async def run_hook(name: str, hook: Hook, deadline: float) -> Timed[HookOutcome]:
    """Run one hook for at most `deadline` seconds, and tell what became of it."""

    async def done() -> HookOutcome:
        await hook()
        return HookOutcome(HookResult.DONE)

    return await step(
        f"hook {name}",
        done,
        deadline=deadline,
        late=HookOutcome(HookResult.TIMED_OUT, f"not done within {deadline:g} s"),
        failed=HookOutcome(HookResult.FAILED, "a defect; the log has its traceback"),
    )


class Hooks:
    """What else a cleanup has to do. Hooks run beside the logout and the evictions, each with a deadline of its own.

    Every cleanup runs them, a repeated one too: a hook has to bear the same call twice. A hook that fails is reported and
    logged, and not tried again. The others still run. A reap, or an administrator's end of a login, skips those of a session
    that is open by another login just before, or may be. It may still be opened while a hook runs.
    """

    def __init__(self) -> None:
        self._of_sessions: dict[str, SessionHook] = {}
        self._of_systems: dict[str, SystemHook] = {}

    def on_session_cleanup(self, hook: SessionHookT) -> SessionHookT:
        """Register, as a decorator too, what is done when a session is cleaned up. Its name stands in the report."""
        self._of_sessions[self._name(hook, "session_id", "system_id")] = hook
        return hook

    def on_system_cleanup(self, hook: SystemHookT) -> SystemHookT:
        """Register, as a decorator too, what is done when all that is cached of a system has to go."""
        self._of_systems[self._name(hook, "system_id")] = hook
        return hook

    def has_some_of(self, request: CleanupRequest) -> bool:
        """Tell whether a cleanup has a hook to run."""
        return bool(self._of_sessions or (request.global_cache and self._of_systems))

    def of(self, request: CleanupRequest) -> Iterator[tuple[str, Hook]]:
        """Yield the name of each hook that a cleanup has to run, and the call."""
        for name, session_hook in self._of_sessions.items():
            yield name, partial(session_hook, request.session_id, request.system_id)
        if request.global_cache and request.system_id is not None:
            for name, system_hook in self._of_systems.items():
                yield name, partial(system_hook, request.system_id)

    def _name(self, hook: Callable[..., object], *arguments: str) -> str:
        """Return the name of a hook that can be called with these arguments. Raises `TypeError` or `ValueError`."""
        name = getattr(hook, "__name__", type(hook).__name__)
        if not (_can_be_called(hook, arguments) and _is_coroutine_function(hook)):
            raise TypeError(f"the hook {name} cannot be called: expected `async def {name}({', '.join(arguments)})`")
        if name in self._of_sessions or name in self._of_systems:
            raise ValueError(f"there is a hook {name} already; expected names of their own, for the report tells them apart")
        return name


def _can_be_called(hook: Callable[..., object], arguments: Sequence[str]) -> bool:
    try:
        signature(hook).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # one that is written in C tells nothing
        return True
    return True


def _is_coroutine_function(hook: Callable[..., object]) -> bool:
    """Tell whether a call has to be awaited: of a function, what a decorator has wrapped, a partial, or an object with a call."""
    inner = unwrap(hook)
    return iscoroutinefunction(inner) or iscoroutinefunction(vars(type(inner)).get("__call__"))
