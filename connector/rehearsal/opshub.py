"""OpsHub's side of the conversation: its calls, and the checks of every answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connector.rehearsal.checks import Check
from connector.rehearsal.client import Client, Reply
from connector.rehearsal.report import Notes
from connector.rehearsal.script import Call, Pair, Script


@dataclass(frozen=True, slots=True)
class OpsHubStandIn:
    """Calls the connector as OpsHub does. `replica`, counted round, chooses the URL."""

    client: Client
    script: Script
    notes: Notes

    async def discover(self, replica: int) -> Reply:
        """Ask for the connector's name and version."""
        return self._looked_at(await self.client.ask("GET", replica, "/discover"))

    async def initialize(
        self, session_id: str, system_id: str, body: Any, replica: int, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Open a session, or an open one again with its headers. A successful answer may hold credentials."""
        path = f"/initialize/{session_id}?{urlencode({'systemId': system_id})}"
        answer = await self.client.ask("POST", replica, path, headers, body)
        if answer.status is not None:
            self.judge(Check.INITIALIZE_NEVER_401, answer, passed=answer.status != 401)
        return answer if answer.ok else self._looked_at(answer)

    async def call(self, call: Call, headers: Mapping[str, str], replica: int) -> Reply:
        """Call what needs a session."""
        return self._looked_at(await self.client.ask(call.method, replica, call.path, headers))

    async def cleanup(
        self,
        path_id: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        replica: int,
        *,
        well_formed: bool = True,
        without_length: bool = False,
    ) -> Reply:
        """End a session. An id that is not `well_formed` may be refused before the connector's own code sees it."""
        path = f"/cleanup/{path_id}" + (f"?{urlencode(query)}" if query else "")
        answer = await self.client.ask("POST", replica, path, headers, without_length=without_length)
        if answer.status is not None:
            self.judge(Check.CLEANUP_NEVER_401_403, answer, passed=answer.status not in {401, 403})
        return self._looked_at(answer, shaped=well_formed)

    async def leave_cleanup(self, session_id: str, headers: Mapping[str, str], query: Mapping[str, str], replica: int) -> None:
        """Send a cleanup, and end the connection before its answer."""
        await self.client.leave("POST", replica, f"/cleanup/{session_id}?{urlencode(query)}", headers)

    async def fetch_cleanup(self, session_id: str, replica: int) -> Reply:
        """Do what OpsHubStandIn never does: GET the path of a cleanup."""
        return self._looked_at(await self.client.ask("GET", replica, f"/cleanup/{session_id}"), shaped=False)

    def judge(self, check: Check, answer: Reply, *, passed: bool, about: str = "") -> None:
        """Note whether an answer passes a check. If it does, only its status is shown."""
        seen = str(answer.status) if passed else self.said(answer)
        self.notes.note(check, f"{about}: {seen}" if about else seen, passed=passed)

    def said(self, answer: Reply) -> str:
        """Return the answer in words and, with several URLs, the one that was asked."""
        place = f" at {answer.url}" if len(self.script.urls) > 1 else ""
        if answer.status is None:
            return answer.problem + place
        if 300 <= answer.status < 400:
            return f"{answer.status}, a redirect, which is not followed{place}"
        errors = _errors(answer.json)
        reason = f" {errors[0].get('code')}: {errors[0].get('message')}" if answer.status >= 400 and errors else ""
        return f"{answer.status}{reason}{place}"

    def _looked_at(self, answer: Reply, *, shaped: bool = True) -> Reply:
        if answer.status is None:
            return answer
        # Every answer is searched, also those of calls that failed.
        betrayed = self.notes.redaction.betrayed_by(answer.text)
        seen = f"a credential in the answer {answer.status}" if betrayed else "no credential in the answer"
        self.notes.note(Check.NO_CREDENTIAL_REPEATED, seen, passed=not betrayed)
        if shaped and answer.status >= 400:
            problem = self._shape_problem(answer)
            self.notes.note(Check.ERROR_SHAPE, problem or "as expected", passed=problem is None)
        return answer

    def _shape_problem(self, answer: Reply) -> str | None:
        content = answer.json
        errors = content.get("errors") if isinstance(content, dict) else None
        if not isinstance(errors, list if self.script.mbse else dict):
            return f"{answer.status} without `errors` as {'a list' if self.script.mbse else 'an object'}"
        if not _errors(content):
            return f"{answer.status} with no errors in the list"
        lacking = [name for error in _errors(content) for name in ("code", "message") if not _is_text(error.get(name))]
        return f"{answer.status} without {' and '.join(dict.fromkeys(lacking))} as text" if lacking else None


def as_body(settings: Sequence[Pair]) -> list[dict[str, str | bool]]:
    """Return settings as they travel to initialize."""
    return [pair.as_json for pair in settings]


def _errors(content: Any) -> list[dict[str, Any]]:
    errors = content.get("errors") if isinstance(content, dict) else None
    found = errors if isinstance(errors, list) else [errors]
    return [error for error in found if isinstance(error, dict)]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
