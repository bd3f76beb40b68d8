"""What people do to the connector, and how long that is remembered."""

from dataclasses import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import KEYS, START, LedgerSubject, MakeLedger, opened
from connector.model.audit import Action, Actor, AuditEntry, begun, ended

ADA = Actor("ada", "control socket")


def line(number: int, at: float = START) -> AuditEntry:
    """Return the line of an action that begins."""
    return begun(ADA, Action.RETRY, f"owed {number}", at)


async def targets(ledger: Ledger, before: int | None = None, limit: int = 100) -> list[str]:
    return [entry.target for entry in await ledger.audit_entries(before=before, limit=limit)]


class Auditing(LedgerSubject):
    async def test_a_line_is_there_before_its_action_and_gets_its_outcome_afterwards(self, make_ledger: MakeLedger) -> None:
        entry = line(1)
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.note_action(entry)
            (before,) = await ledger.audit_entries()
            await ledger.note_action(ended(entry, "due now"))
        async with opened(make_ledger(KEYS)) as ledger:
            (after,) = await ledger.audit_entries()
        assert before == replace(entry, id=before.id)
        assert after == replace(before, outcome="due now")

    async def test_a_line_that_comes_again_without_an_outcome_takes_none_back(self, ledger: Ledger) -> None:
        entry = line(1)
        for each in (entry, ended(entry, "due now"), entry):
            await ledger.note_action(each)
        assert [each.outcome for each in await ledger.audit_entries()] == ["due now"]

    async def test_an_outcome_whose_line_was_lost_makes_the_line(self, ledger: Ledger) -> None:
        await ledger.note_action(ended(line(1), "due now"))
        assert [(each.target, each.outcome) for each in await ledger.audit_entries()] == [("owed 1", "due now")]

    async def test_the_newest_lines_come_first_and_in_pages(self, ledger: Ledger) -> None:
        for number in range(5):
            await ledger.note_action(line(number))
        first = await ledger.audit_entries(limit=3)
        assert [entry.target for entry in first] == ["owed 4", "owed 3", "owed 2"]
        assert await targets(ledger, before=first[-1].id) == ["owed 1", "owed 0"]
        assert await targets(ledger, before=first[-1].id, limit=1) == ["owed 1"]

    async def test_a_line_keeps_any_text_as_one_that_can_be_shown(self, ledger: Ledger) -> None:
        hostile = Actor("a\x00b\udc80\n\x1b[2J", "console ::1")
        await ledger.note_action(ended(begun(hostile, Action.CLOSE, "s" * 9_999, START), "r\ud800\u2028"))
        (entry,) = await ledger.audit_entries()
        assert entry.who.isprintable()
        assert (len(entry.target), entry.where, entry.outcome) == (500, "console ::1", "r\ufffd\ufffd")
