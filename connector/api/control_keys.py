"""What a command does to the keys itself, and has the server write into its audit log."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Struct

from connector.admin.audited import AuditBook
from connector.admin.service import Admin
from connector.api.actors import actor_of
from connector.api.control_values import body_of, converted, ok
from connector.model.audit import LONGEST, WORD_BYTES, Action

Text = Annotated[str, msgspec.Meta(max_length=LONGEST)]


class NotedChange(msgspec.Struct, forbid_unknown_fields=True):
    """A change of the key file that begins or, with an outcome, has ended."""

    word: Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * WORD_BYTES}}}$")]
    action: Literal["add key", "promote key", "retire key"]
    target: Text
    outcome: Text | None = None


class KeyCalls(Struct, frozen=True):
    """Shows who has which key, and notes changes of the key file, which only a command makes."""

    admin: Admin
    audit_book: AuditBook

    def routes(self) -> list[web.RouteDef]:
        """Return where they are called."""
        return [web.get("/keys", self.show), web.post("/keys/changes", self.note)]

    async def show(self, _: web.Request) -> web.Response:
        """Tell which keys are needed, and which replica has which."""
        return ok(await self.admin.keys())

    async def note(self, request: web.Request) -> web.Response:
        """Write a line of the audit log, or its outcome, with who asks for it."""
        noted = converted(await body_of(request), NotedChange)
        by, word = await actor_of(request), bytes.fromhex(noted.word)
        await self.audit_book.note(by, Action(noted.action), noted.target, noted.outcome, word=word)
        return ok({})
