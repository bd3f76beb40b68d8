"""Who has to give way to a new connection, and how many there may be."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.api.bounds import OpenConnections
from connector.runtime.open_files import MOST, OWN, shares_of

OPSHUB, OTHER = "10.0.0.1", "10.0.0.2"


@dataclass(eq=False)
class AConnection:
    address: str
    waits: bool = True
    open: bool = True

    def give_way(self) -> None:
        assert self.waits
        self.open = False


def admitted(connections: OpenConnections, address: str, number: int, *, waits: bool = True) -> list[AConnection]:
    made = [AConnection(address, waits) for _ in range(number)]
    assert all(connections.admit(each) for each in made)
    return made


def are_open(made: list[AConnection]) -> list[bool]:
    return [each.open for each in made]


def test_the_longest_unused_connection_gives_way_to_a_new_one() -> None:
    connections = OpenConnections(3, 3)
    made = admitted(connections, OPSHUB, 3)
    connections.used(made[0])
    admitted(connections, OPSHUB, 1)

    assert are_open(made) == [True, False, True]


def test_it_is_one_of_the_address_that_has_most() -> None:
    connections = OpenConnections(5, 5)
    few, many = admitted(connections, OPSHUB, 2), admitted(connections, OTHER, 3)
    admitted(connections, OPSHUB, 1)

    assert (are_open(few), are_open(many)) == ([True, True], [False, True, True])


def test_one_that_does_not_wait_for_its_client_never_gives_way() -> None:
    connections = OpenConnections(4, 4)
    busy, idle = admitted(connections, OTHER, 3, waits=False), admitted(connections, OPSHUB, 1)
    admitted(connections, OTHER, 1, waits=False)

    assert are_open(idle) == [False]
    assert not connections.admit(AConnection(OPSHUB))
    assert are_open(busy) == [True] * 3


def test_an_address_with_all_it_may_have_makes_room_for_its_own() -> None:
    connections = OpenConnections(10, 2)
    others, own = admitted(connections, OTHER, 2), admitted(connections, OPSHUB, 2)
    admitted(connections, OPSHUB, 1)

    assert (are_open(others), are_open(own)) == ([True, True], [False, True])


def test_an_address_whose_connections_are_all_busy_gets_no_more_and_others_do() -> None:
    connections = OpenConnections(10, 2)
    admitted(connections, OPSHUB, 2, waits=False)

    assert not connections.admit(AConnection(OPSHUB))
    assert connections.admit(AConnection(OTHER))


def test_what_has_ended_counts_no_more_however_often_that_is_told() -> None:
    connections = OpenConnections(2, 2)
    made = admitted(connections, OPSHUB, 2, waits=False)
    for _ in range(2):
        connections.remove(made[0])
        connections.used(made[0])
    admitted(connections, OPSHUB, 1, waits=False)

    assert not connections.admit(AConnection(OPSHUB))


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from(["admit", "remove", "used"])), max_size=60)


@given(STEPS, st.integers(1, 6), st.integers(1, 6))
def test_there_are_never_more_than_there_may_be(steps: list[tuple[str, bool, str]], most: int, most_of_one: int) -> None:
    connections = OpenConnections(most, most_of_one)
    held: list[AConnection] = []
    for address, waits, step in steps:
        if step == "admit":
            new = AConnection(address, waits)
            room = [each for each in held if each.waits] or len(held) < most
            came = connections.admit(new)
            held = [each for each in held if each.open] + [new] * came
            assert came or not room or len([each for each in held if each.address == address]) == most_of_one
        elif held:
            getattr(connections, step)(held[0])
            held = held[1:] if step == "remove" else held
        assert len(held) <= most
        assert max((len([each for each in held if each.address == place]) for place in "abc"), default=0) <= most_of_one


@pytest.mark.parametrize("files", [0, 64, 160, 256, 1024, 20_000, 1_048_576])
def test_the_server_keeps_a_reserve_of_files_and_shares_the_rest_with_end_systems(files: int) -> None:
    share = shares_of(files)

    assert share.connections > 0
    assert share.backlog > 0
    assert 2 * share.connections + share.backlog <= max(files - OWN, 16)


def test_a_thousand_at_once_have_room_where_the_system_allows_four_thousand_files() -> None:
    assert shares_of(4096).connections > 1000
    assert shares_of(1_048_576).connections > MOST
