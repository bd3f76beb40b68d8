"""When a replica counts as alive and as a stranger, and when it does not."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from connector.model.peers import Difference, Peer, difference, explained, heard, told
from connector.workers.sightings import Sightings

ME = Peer(b"me", 0, "here:1", "tracker", b"ledger", (b"k1",), b"store")
OTHER = replace(ME, nonce=b"other", name="there:2")
STRANGER = replace(OTHER, ledger=b"another")
A_MINUTE = 60.0


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sightings(clock: Clock) -> Sightings:
    return Sightings(clock)


def see(sightings: Sightings, other: Peer, *rounds: int, mine: Peer = ME) -> list[Difference]:
    """See a replica in these rounds of its own, and return what those that are alive do not share."""
    for number in rounds:
        sightings.note(mine, [replace(other, round=number)])
    return [stranger.differs for stranger in sightings.strangers]


def test_a_stranger_is_one_whose_rounds_move_while_one_looks(sightings: Sightings) -> None:
    assert see(sightings, STRANGER, 7, 7, 8) == []
    assert see(sightings, STRANGER, 9) == [Difference.LEDGER]


def test_one_that_stands_still_is_nobody(sightings: Sightings, clock: Clock) -> None:
    assert see(sightings, STRANGER, *[7] * 9) == []
    assert sightings.any_doubt
    clock.now = A_MINUTE
    sightings.note(ME, [])
    assert not sightings.any_doubt


def test_a_stranger_that_stands_still_counts_no_more(sightings: Sightings, clock: Clock) -> None:
    see(sightings, STRANGER, 1, 2, 3)
    clock.now = A_MINUTE
    assert see(sightings, STRANGER, 3) == []


def test_what_a_replica_tells_itself_is_no_stranger(sightings: Sightings) -> None:
    assert see(sightings, replace(ME, ledger=b"before"), 1, 2, 3, 4) == []


def test_a_store_that_has_lost_all_has_another_word_that_each_replica_sees_in_turn(sightings: Sightings) -> None:
    after = replace(ME, store=b"new")
    assert see(sightings, OTHER, 1, mine=after) == []
    assert see(sightings, replace(OTHER, store=b"new"), 2, 3, 4, mine=after) == []


def test_stores_that_change_all_the_time_tell_nothing(sightings: Sightings) -> None:
    for number in range(9):
        assert see(sightings, replace(OTHER, store=b"%d" % number), number) == []


def test_a_store_that_does_not_answer_is_no_other_store() -> None:
    assert difference(ME, replace(OTHER, store=b"")) is None
    assert difference(replace(ME, store=b""), OTHER) is None


@pytest.mark.parametrize(
    ("mine", "others", "fit"),
    [
        ((b"a",), (b"a",), True),
        ((b"a", b"b"), (b"b", b"a"), True),
        ((b"a",), (b"a", b"b"), True),
        ((b"a",), (b"b", b"a"), False),
        ((b"b", b"a"), (b"a",), False),
        ((b"a",), (b"b",), False),
    ],
)
def test_keys_fit_if_each_replica_reads_what_the_other_one_writes(
    mine: tuple[bytes, ...], others: tuple[bytes, ...], *, fit: bool
) -> None:
    found = difference(replace(ME, keys=mine), replace(OTHER, keys=others))
    assert found is (None if fit else Difference.KEYS)


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"text", b"\x91\xa1x"])
def test_what_nobody_understands_is_nobody(raw: bytes) -> None:
    assert heard(raw) is None


def test_a_later_version_that_tells_more_is_understood() -> None:
    longer = b"\x98" + told(ME)[1:] + b"\xa3new"
    assert heard(longer) == ME


def test_a_name_of_another_connector_stays_one_line() -> None:
    line = explained(Difference.CONNECTOR, replace(OTHER, connector="a\nb"), store="storage.shared")
    assert "\n" not in line
