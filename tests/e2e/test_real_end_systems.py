"""The mission, seen from OpsHub: a real login in a real end system is ended by one call."""

import asyncio
from pathlib import Path

from tests.e2e.connector_process import WITHIN, connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.wire import port_of, wire
from tests.endsystems.real_login import RealEndSystem
from tests.endsystems.real_oauth import OidcProvider
from tests.endsystems.real_roundup import Roundup, RoundupAskingFirst


async def test_a_login_works_until_its_cleanup_and_another_one_works_after_it(
    end_system: RealEndSystem, session: str, tmp_path: Path
) -> None:
    query = {"systemId": "A", "cleanupGlobalCache": "false"}
    login, another = await end_system.log_in(), await end_system.log_in()
    assert await login.works()
    with connector_process(tmp_path, end_system.section, end_system.environment) as server:
        async with OpsHub(server.url) as opshub:
            answer = await opshub.cleanup(session, login.headers, query)
            assert (answer.status, answer.body["logout"]["outcome"]) == (200, end_system.outcome)
            assert {step["outcome"] for step in answer.body["eviction"].values()} == {"evicted"}
            assert not await login.works()
            again = await opshub.cleanup(session, login.headers, query)
            assert again.status == 200
    assert await another.works()


async def test_a_logout_that_finds_the_end_system_down_is_owed_and_done_when_it_is_back(
    oidc: OidcProvider, session: str, tmp_path: Path, nowhere: str
) -> None:
    login = await oidc.log_in()
    down = OidcProvider(nowhere)
    with connector_process(tmp_path, down.section, down.environment) as server:
        async with OpsHub(server.url) as opshub:
            answer = await opshub.cleanup(session, login.headers, {"systemId": "A"})
        assert (answer.status, answer.body["logout"]["outcome"]) == (200, "pending")
        assert {step["outcome"] for step in answer.body["eviction"].values()} == {"evicted"}
        assert await login.works()
        async with wire(oidc.root, port_of(nowhere)), asyncio.timeout(WITHIN):
            await login.ended()


async def test_what_is_owed_is_done_by_the_next_process_when_the_first_one_was_killed(
    oidc: OidcProvider, session: str, tmp_path: Path, nowhere: str
) -> None:
    login = await oidc.log_in()
    down = OidcProvider(nowhere)
    with connector_process(tmp_path, down.section, down.environment) as server:
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session, login.headers)).status == 200
    assert await login.works()
    async with wire(oidc.root, port_of(nowhere)), asyncio.timeout(2 * WITHIN):
        with connector_process(tmp_path, down.section, down.environment):
            await login.ended()


async def test_a_logout_whose_answer_is_lost_is_tried_again_and_found_to_be_done(
    tracker: Roundup, session: str, tmp_path: Path, nowhere: str
) -> None:
    login = await tracker.log_in()
    with connector_process(tmp_path, RoundupAskingFirst(nowhere).section) as server:
        async with OpsHub(server.url) as opshub:
            async with wire(tracker.root, port_of(nowhere)) as cut:
                cut.loses_answers_to = b"POST"
                answer = await opshub.cleanup(session, login.headers)
            assert (answer.status, answer.body["logout"]["outcome"]) == (200, "pending")
            assert not await login.works()
            async with wire(tracker.root, port_of(nowhere)):
                again = await opshub.cleanup(session, login.headers)
    assert (again.status, again.body["logout"]["outcome"], again.body["logout"]["attempts"]) == (200, "already_out", 2)
