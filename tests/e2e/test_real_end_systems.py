"""The mission, seen from OpsHub: a real login in a real end system is ended by one call."""

from pathlib import Path

from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.endsystems.real_login import RealEndSystem
from tests.endsystems.real_oauth import OidcProvider


async def test_a_login_works_before_the_cleanup_and_is_refused_after_it_and_another_one_still_works(
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


async def test_an_end_system_that_is_down_is_a_502_that_says_pending_and_everything_is_evicted_all_the_same(
    oidc: OidcProvider, session: str, tmp_path: Path, nowhere: str
) -> None:
    login = await oidc.log_in()
    down = OidcProvider(nowhere)
    with connector_process(tmp_path, down.section, down.environment) as server:
        async with OpsHub(server.url) as opshub:
            answer = await opshub.cleanup(session, login.headers, {"systemId": "A"})
    report = answer.body["errors"]["detail"]
    assert (answer.status, report["logout"]["outcome"]) == (502, "pending")
    assert {step["outcome"] for step in report["eviction"].values()} == {"evicted"}
    assert await login.works()
