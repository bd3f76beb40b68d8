"""A cleanup by its seal: who may end a session, and which."""

import asyncio
import base64
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ledger.keyring import Keyring
from connector.model.credential import Credential
from connector.model.errors import UnknownSession
from connector.sessions.seal import Sealed, Seals
from tests.e2e.opshub import Answer
from tests.sessions.desk import PROFILE, Desk, settings
from tests.sessions.records import ledger_in
from tests.sessions.served import BOTH_KEYS, OTHER_KEYS, Served, served

SEAL = "X-Connector-Session"
SYSTEM = {"systemId": "A"}
GLOBAL = {"systemId": "A", "cleanupGlobalCache": "true"}
UNKNOWN = {"errors": {"code": "unknown_session", "message": "There is no such session for this caller."}}
SEALS = Seals(Keyring({"one": b"k" * 32}))
SEALED = Sealed(str(UUID(int=1)), "A", "login", b"ledger", Credential([("Authorization", "Bearer t")]))


async def opened(server: Served, session: str, system: str | None = "A") -> dict[str, str]:
    answer = await server.opshub.initialize(session, settings(), query={"systemId": system} if system else None)
    assert answer.status == 200, answer.text
    return answer.session_headers


async def test_the_seal_alone_logs_the_session_out(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    assert not desk.alive


async def test_a_cleanup_from_an_old_opshub_names_no_system_and_is_of_the_seals(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.cleanup(session, await opened(server, session))

    assert (answer.status, answer.body["systemId"]) == (200, "A")
    assert not desk.alive


async def test_a_session_of_an_old_opshub_is_closed_by_a_newer_one_that_names_a_system(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session, None)
        whole_system = await server.opshub.cleanup(session, headers, GLOBAL)
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert (whole_system.status, whole_system.body) == (404, UNKNOWN)
    assert (answer.status, answer.body["systemId"], answer.body["logout"]["outcome"]) == (200, None, "acknowledged")
    assert not desk.alive


async def test_a_repeated_cleanup_is_a_200_that_sends_nothing_after_a_restart_too(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
        statuses = [(await server.opshub.cleanup(session, headers, SYSTEM)).status for _ in range(3)]
    async with served(tmp_path, desk.section) as server:
        statuses.append((await server.opshub.cleanup(session, headers, SYSTEM)).status)

    assert statuses == [200] * 4
    assert desk.logouts.total() == 1


async def test_a_session_is_ended_after_a_restart_and_by_a_process_that_never_saw_it(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    other = str(uuid4())
    async with served(tmp_path / "a", desk.section) as server:
        mine, others = await opened(server, session), await opened(server, other)
    async with served(tmp_path / "a", desk.section) as restarted, served(tmp_path / "b", desk.section) as replica:
        assert (await restarted.opshub.cleanup(session, mine, SYSTEM)).body["logout"]["outcome"] == "acknowledged"
        assert (await replica.opshub.cleanup(other, others, SYSTEM)).body["logout"]["outcome"] == "acknowledged"

    assert not desk.alive


async def test_a_hundred_duplicates_with_the_seal_are_one_logout(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
        async with asyncio.TaskGroup() as calls:
            answers = [calls.create_task(server.opshub.cleanup(session, headers, SYSTEM)) for _ in range(100)]

    assert {answer.result().status for answer in answers} == {200}
    assert desk.logouts.total() == 1


async def test_a_missing_forged_or_foreign_seal_changes_nothing(desk: Desk, session: str, tmp_path: Path) -> None:
    other = str(uuid4())
    async with served(tmp_path, desk.section) as server:
        mine, others = await opened(server, session), await opened(server, other)
        systemless = await opened(server, third := str(uuid4()), None)
        attempts: list[Answer] = [
            await server.opshub.cleanup(session, None, SYSTEM),
            await server.opshub.cleanup(session, {SEAL: ""}, GLOBAL),
            await server.opshub.cleanup(session, {SEAL: "x"}, SYSTEM),
            await server.opshub.cleanup(session, {SEAL: "\xff"}, SYSTEM),
            await server.opshub.cleanup(session, others, SYSTEM),
            await server.opshub.cleanup(session, mine, {"systemId": "B"}),
            await server.opshub.cleanup(session, mine, {"systemId": "B", "cleanupGlobalCache": "true"}),
            await server.opshub.cleanup(third, systemless, GLOBAL),
            await server.opshub.cleanup(session, {SEAL: f"{mine[SEAL]}, {mine[SEAL]}"}, SYSTEM),
        ]
        assert len(desk.alive) == 3
        assert (await server.opshub.cleanup(session, mine, SYSTEM)).body["logout"]["outcome"] == "acknowledged"

    assert [(answer.status, answer.body) for answer in attempts] == [(404, UNKNOWN)] * len(attempts)


async def test_a_seal_of_a_key_that_was_dropped_is_unknown_and_of_one_that_was_kept_is_not(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "a", desk.section) as server:
        headers = await opened(server, session)
    async with served(tmp_path / "b", desk.section, environ=OTHER_KEYS) as dropped:
        assert (await dropped.opshub.cleanup(session, headers, SYSTEM)).body == UNKNOWN
    async with served(tmp_path / "c", desk.section, environ=BOTH_KEYS) as kept:
        assert (await kept.opshub.cleanup(session, headers, SYSTEM)).status == 200

    assert not desk.alive


async def test_where_seals_are_required_a_session_that_nobody_knows_is_unknown_too(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, "[security]\nrequire_seal = true\n") as server:
        headers = await opened(server, session)
        known, unknown = await server.opshub.cleanup(session), await server.opshub.cleanup(str(uuid4()))
        assert (await server.opshub.cleanup(session, headers)).status == 200

    assert [(known.status, known.body), (unknown.status, unknown.body)] == [(404, UNKNOWN)] * 2
    assert {*known.headers} == {*unknown.headers}


async def test_where_seals_are_not_required_a_session_that_nobody_knows_is_a_200(session: str, tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        assert (await server.opshub.cleanup(session, None, SYSTEM)).status == 200


@pytest.mark.parametrize("headers", [None, {SEAL: ""}, {"Authorization": ""}, {"X-Other": "x"}])
async def test_an_unknown_session_has_no_login_if_the_end_system_opens_all_sessions(
    desk: Desk, session: str, tmp_path: Path, headers: dict[str, str] | None
) -> None:
    async with served(tmp_path, desk.section) as server:
        answers = [await server.opshub.cleanup(session, headers, GLOBAL) for _ in range(2)]

    logout = {"outcome": "not_applicable", "code": "unknown_session"}
    assert [(answer.status, answer.body["logout"] | logout == answer.body["logout"]) for answer in answers] == [(200, True)] * 2
    assert not desk.logouts
    async with ledger_in(tmp_path) as ledger:
        assert await ledger.listing() == []


async def test_a_credential_in_parts_is_of_some_session_so_that_a_human_has_to_look(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    two_headers = tmp_path / "two_headers.toml"
    profile = PROFILE.read_text("utf-8").replace("[returned]", 'X-Site = "{captured.token}"\n[returned]')
    two_headers.write_text(profile.replace('/logout"', '/logout/{credential.X-Site}"'))
    async with served(tmp_path, desk.section.replace(str(PROFILE), str(two_headers))) as server:
        answer = await server.opshub.cleanup(session, {"X-Site": "s"}, SYSTEM)

    assert (answer.status, answer.body["errors"]["code"]) == (502, "credential_missing")


@given(st.data())
def test_a_seal_with_any_bit_flipped_any_part_missing_or_anything_added_is_none(data: st.DataObject) -> None:
    seal = SEALS.make(SEALED)
    raw = base64.urlsafe_b64decode(seal + "=" * (-len(seal) % 4))
    place = data.draw(st.integers(0, len(seal) - 1))
    forged = data.draw(
        st.sampled_from(
            [
                seal[:place],
                seal[place + 1 :],
                seal[:place] + chr(ord(seal[place]) ^ data.draw(st.integers(1, 127))) + seal[place + 1 :],
                seal + data.draw(st.text(min_size=1)),
                _text(_flipped(raw, data.draw(st.integers(0, 8 * len(raw) - 1)))),
                _text(raw + data.draw(st.binary(min_size=1))),
                _text(data.draw(st.binary())),
                data.draw(st.text()),
            ]
        )
    )
    with pytest.raises(UnknownSession):
        SEALS.opened([forged])
    assert SEALS.opened([seal]) == SEALED


def test_no_two_seals_of_a_session_are_alike_and_none_shows_what_it_holds() -> None:
    one, other = SEALS.make(SEALED), SEALS.make(SEALED)

    assert one != other
    assert SEALED.session_id.encode() not in base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))


def test_a_seal_made_for_another_purpose_is_none() -> None:
    raw = Keyring({"one": b"k" * 32}).seal("ledger", b"x")

    with pytest.raises(UnknownSession):
        SEALS.opened([_text(raw)])


def _flipped(raw: bytes, bit: int) -> bytes:
    return raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
