"""What a replica remembers of its last transactions, and for how long."""

from connector.ledger.postgres.journal import Journal, KnownUpTo
from connector.ledger.sql.facts import DebtRemoved, Fact
from tests.ledger.ledgers import SetClock

FIRST, NEXT, LAST = b"first", b"next", b"last"


def unknown(journal: Journal, known: KnownUpTo | None) -> list[Fact]:
    return [fact for fact, is_unknown in journal.beside(known) if is_unknown]


def test_it_tells_what_was_done_above_a_number_in_its_order() -> None:
    journal = Journal()
    for sequence in (3, 4, 7):
        journal.add(KnownUpTo(FIRST, sequence), [DebtRemoved(sequence), DebtRemoved(-sequence)])

    assert unknown(journal, KnownUpTo(FIRST, 3)) == [DebtRemoved(4), DebtRemoved(-4), DebtRemoved(7), DebtRemoved(-7)]
    assert (unknown(journal, KnownUpTo(FIRST, 7)), journal.lacks(None)) == ([], False)
    assert [fact for fact, _ in journal.beside(KnownUpTo(FIRST, 7))] == journal.all
    assert unknown(journal, None) == unknown(journal, KnownUpTo(NEXT, 7)) == journal.all


def test_what_is_too_much_is_forgotten_and_that_is_known() -> None:
    journal = Journal(most=2)
    for sequence in (1, 2, 3):
        journal.add(KnownUpTo(FIRST, sequence), [DebtRemoved(sequence)])

    assert journal.all == [DebtRemoved(2), DebtRemoved(3)]
    assert (journal.lacks(None), journal.lacks(KnownUpTo(FIRST, 0)), journal.lacks(KnownUpTo(FIRST, 1))) == (True, True, False)


def test_what_is_too_old_is_forgotten_also_if_nothing_is_done_any_more() -> None:
    clock = SetClock()
    journal = Journal(clock, longest=60)
    journal.add(KnownUpTo(FIRST, 1), [DebtRemoved(1)])
    clock.now += 61
    journal.add(KnownUpTo(FIRST, 2), [])

    assert (journal.all, journal.lacks(None)) == ([], True)


def test_what_the_database_knows_by_a_later_transaction_is_lost_only_with_that() -> None:
    journal = Journal()
    journal.add(KnownUpTo(FIRST, 100), [DebtRemoved(1)])
    journal.entered(KnownUpTo(NEXT, 7))
    journal.add(KnownUpTo(NEXT, 8), [DebtRemoved(2)])

    assert unknown(journal, KnownUpTo(NEXT, 6)) == [DebtRemoved(1), DebtRemoved(2)]
    assert unknown(journal, KnownUpTo(NEXT, 7)) == [DebtRemoved(2)]


def test_a_former_primary_that_comes_back_knows_what_was_done_there() -> None:
    journal = Journal(most=3)
    for sequence in (1, 2, 3):
        journal.add(KnownUpTo(FIRST, sequence), [DebtRemoved(sequence)])
    journal.entered(KnownUpTo(NEXT, 9))
    journal.add(KnownUpTo(NEXT, 10), [DebtRemoved(4)])

    assert unknown(journal, KnownUpTo(FIRST, 2)) == [DebtRemoved(3), DebtRemoved(4)]
    assert (journal.lacks(KnownUpTo(FIRST, 1)), journal.lacks(KnownUpTo(FIRST, 0)), journal.lacks(KnownUpTo(LAST, 99))) == (
        False,
        True,
        True,
    )
