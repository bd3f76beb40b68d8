"""OpsHub's side of the conversation: its calls, and what is looked at in every answer, whatever it answers."""

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
    """Calls the connector as OpsHubStandIn does. `replica` says which of the URLs is asked, counted round."""

    client: Client
    script: Script
    notes: Notes

    async def discover(self, replica: int) -> Reply:
        """Ask who the connector is."""
        return self._looked_at(await self.client.ask("GET", replica, "/discover"))

    async def initialize(
        self, session_id: str, system_id: str, body: Any, replica: int, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Open a session, or an open one again with its headers. What it answers if it succeeds is meant to hold credentials."""
        path = f"/initialize/{session_id}?{urlencode({'systemId': system_id})}"
        answer = await self.client.ask("POST", replica, path, headers, body)
        if answer.status is not None:
            self.judge(Check.INITIALIZE_NEVER_401, answer, kept=answer.status != 401)
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
    ) -> Reply:
        """End a session. An id that is not `well_formed` may be turned away before the connector's own code sees it."""
        path = f"/cleanup/{path_id}" + (f"?{urlencode(query)}" if query else "")
        answer = await self.client.ask("POST", replica, path, headers)
        if answer.status is not None:
            self.judge(Check.CLEANUP_NEVER_401_403, answer, kept=answer.status not in {401, 403})
        return self._looked_at(answer, shaped=well_formed)

    async def fetch_cleanup(self, session_id: str, replica: int) -> Reply:
        """Do what OpsHubStandIn never does: GET the path of a cleanup."""
        return self._looked_at(await self.client.ask("GET", replica, f"/cleanup/{session_id}"), shaped=False)

    def judge(self, rule: Check, answer: Reply, *, kept: bool, about: str = "") -> None:
        """Note that an answer keeps a rule or not; one that does is told by its status alone."""
        seen = str(answer.status) if kept else self.said(answer)
        self.notes.note(rule, f"{about}: {seen}" if about else seen, kept=kept)

    def said(self, answer: Reply) -> str:
        """Say in words what was answered, and where, if that could be anywhere else."""
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
        betrayed = self.notes.redaction.betrayed_by(answer.text)
        seen = f"a credential in the answer {answer.status}" if betrayed else "no credential in the answer"
        self.notes.note(Check.NO_CREDENTIAL_REPEATED, seen, kept=not betrayed)
        if shaped and answer.status >= 400:
            problem = self._shape_problem(answer)
            self.notes.note(Check.ERROR_SHAPE, problem or "as expected", kept=problem is None)
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
