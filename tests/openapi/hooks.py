"""What a schema cannot say: schemathesis loads this module, and so its valid calls are also valid for this end system."""

import os
from typing import Any

import schemathesis
from schemathesis import AuthContext, Case, GenerationMode, HookContext

from connector.api.parameters import GLOBAL_CACHE, SYSTEM
from connector.sessions.seal import HEADER
from tests.sessions.desk import settings

SEAL = "FUZZED_SEAL"
"""The variable with the seal of an open session."""
OF_A_SESSION = "/(projects|entities)"
TRUE = ("true", "1", "yes", "on")


class OpenSession:
    """Sends the seal with calls of a session, except where it is tried how these go without it."""

    def get(self, case: Case[Any], context: AuthContext) -> str:
        return os.environ[SEAL]

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers[HEADER] = data


def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Mend a call that is meant to be valid."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if not case.query.get(SYSTEM, "").isprintable() or case.query.get(GLOBAL_CACHE) in TRUE:
        case.query[SYSTEM] = "A"
    if "/initialize/{" in case.path:
        case.body, case.media_type = _understood(case.body), "application/json"


def _understood(body: Any) -> Any:
    """Return the settings that are printable, each once, and those that the end system needs."""
    named = {item["key"]: item for item in [*(body if isinstance(body, list) else []), *settings()]}
    return [item for key, item in named.items() if key.isprintable()]


schemathesis.auth().apply_to(path_regex=OF_A_SESSION)(OpenSession)
schemathesis.hook(before_call)
