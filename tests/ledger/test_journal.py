"""What a replica remembers of its last transactions, and for how long."""

from connector.ledger.postgres.journal import Journal
from connector.ledger.sql.facts import DebtRemoved
from tests.ledger.ledgers import SetClock


def test_it_tells_what_was_done_above_a_number_in_its_order() -> None:
    journal = Journal()
    for sequence in (3, 4, 7):
        journal.add(sequence, [DebtRemoved(sequence), DebtRemoved(-sequence)])

    assert journal.above(3) == [DebtRemoved(4), DebtRemoved(-4), DebtRemoved(7), DebtRemoved(-7)]
    assert (journal.above(7), journal.lacks(0)) == ([], False)


def test_what_is_too_much_is_forgotten_and_that_is_known() -> None:
    journal = Journal(most=2)
    for sequence in (1, 2, 3):
        journal.add(sequence, [DebtRemoved(sequence)])

    assert (journal.above(0), journal.lacks(0), journal.lacks(1)) == ([DebtRemoved(2), DebtRemoved(3)], True, False)


def test_what_is_too_old_is_forgotten_also_if_nothing_is_done_any_more() -> None:
    clock = SetClock()
    journal = Journal(clock, longest=60)
    journal.add(1, [DebtRemoved(1)])
    clock.now += 61
    journal.add(2, [])

    assert (journal.above(0), journal.lacks(0)) == ([], True)


def test_what_the_database_knows_by_a_later_transaction_is_lost_only_with_that() -> None:
    journal = Journal()
    journal.add(100, [DebtRemoved(1)])
    journal.renumber(7)
    journal.add(8, [DebtRemoved(2)])

    assert (journal.above(6), journal.above(7)) == ([DebtRemoved(1), DebtRemoved(2)], [DebtRemoved(2)])
