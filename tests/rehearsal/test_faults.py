"""Each fault of a connector is found by the check that is there for it, and by no other; where there is none, none is found."""

import pytest

from connector.rehearsal.checks import Check
from connector.rehearsal.play import rehearse
from connector.rehearsal.report import CheckResult, Report
from connector.rehearsal.script import Call, Pair, Script
from tests.rehearsal.faulty_connector import Fault, SmallConnector, small_connector

PASSWORD = "s3cret-password"
FOUND_BY = {
    Fault.NO_VERSION: "discover",
    Fault.ANOTHER_VERSION_ON_A_REPLICA: "discover-same",
    Fault.NO_INITIALIZE: "initialize",
    Fault.RETURNS_AN_OBJECT: "initialize",
    Fault.LOGIN_REFUSED_WITH_401: "initialize-never-401",
    Fault.ILLEGAL_HEADER_NAME: "initialize-headers",
    Fault.REPEATED_HEADER: "initialize-headers",
    Fault.RETURNS_HOST: "initialize-headers",
    Fault.VALUE_OF_TWO_LINES: "initialize-headers",
    Fault.HUGE_HEADERS: "initialize-header-size",
    Fault.PASSWORD_RETURNED_WITHOUT_ITS_MARK: "initialize-sensitive",
    Fault.TAKES_ANY_BODY: "initialize-body",
    Fault.SESSIONS_KNOWN_TO_ONE_REPLICA: "calls",
    Fault.ANONYMOUS_CALLS: "call-without-headers",
    Fault.WRONG_TICKET_IS_A_403: "call-with-wrong-headers",
    Fault.NO_SECOND_INITIALIZE: "initialize-again",
    Fault.BREAKS_ON_A_SESSION_THAT_WAS_INITIALIZED_TWICE: "cleanup",
    Fault.SECOND_CLEANUP_IS_A_500: "cleanup-again",
    Fault.CLEANUP_ENDS_ALL_SESSIONS: "cleanup-alone",
    Fault.ENDED_SESSIONS_GO_ON: "call-after-cleanup",
    Fault.PARAMETERS_ARE_REQUIRED: "cleanup-without-parameters",
    Fault.GLOBAL_CLEANUP_IS_A_500: "cleanup-global",
    Fault.GLOBAL_CACHE_SURVIVES: "cleanup-global-fresh",
    Fault.TWO_SESSIONS_AT_MOST: "sessions-at-once",
    Fault.FOURTH_CLEANUP_IS_A_429: "cleanup-duplicates",
    Fault.NO_LENGTH_IS_A_411: "cleanup-without-length",
    Fault.A_CALLER_THAT_LEAVES_BLOCKS_ITS_SESSION: "cleanup-sent-twice",
    Fault.H2C_IS_A_400: "cleanup-offering-h2c",
    Fault.UNKNOWN_SESSION_IS_A_500: "cleanup-unknown",
    Fault.UNKNOWN_PARAMETER_IS_A_400: "cleanup-unknown-parameter",
    Fault.TAKES_ANY_ID: "cleanup-malformed-id",
    Fault.TAKES_ANY_BOOLEAN: "cleanup-malformed-boolean",
    Fault.GET_CLEANS_UP: "cleanup-post-only",
    Fault.ENDED_SESSION_IS_A_401: "cleanup-never-401-403",
    Fault.CLEANUP_IS_A_403: "cleanup-never-401-403",
    Fault.ERRORS_AS_TEXT: "error-shape",
    Fault.ERRORS_WITHOUT_A_CODE: "error-shape",
    Fault.LIMIT_IS_A_503: "end-system-limit",
    Fault.OUTAGE_IS_A_401: "end-system-away",
    Fault.LOST_LOGIN_IS_A_500: "end-system-login-lost",
    Fault.NEW_LOGIN_IS_A_401_AGAIN: "end-system-login-refused-again",
    Fault.REPEATS_THE_TICKET: "no-credential-repeated",
    Fault.REPEATS_A_WRONG_TICKET: "no-credential-repeated",
}


def script(connector: SmallConnector, *, mbse: bool = False) -> Script:
    """All that a rehearsal can be given."""
    password = Pair("password", PASSWORD, sensitive=True)
    return Script(
        urls=connector.urls,
        settings=[Pair("url", "http://old.test"), password],
        changed_settings=[Pair("url", "http://new.test"), password],
        calls=[Call("GET", "/projects")],
        mbse=mbse,
        end_system=connector.end_system,
        end_system_port=connector.expect_end_system(),
    )


def found(report: Report) -> set[str]:
    return {one.check.id for one in report.findings if one.verdict in {CheckResult.FAIL, CheckResult.WARN}}


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check.id for check in Check} - {*FOUND_BY.values()} == {Check.IN_BOUNDS.id}


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("mbse", [False, True])
async def test_with_a_correct_connector_every_check_is_made_and_passes(replicas: int, mbse: bool) -> None:
    async with small_connector(replicas=replicas, mbse=mbse) as connector:
        report = await rehearse(script(connector, mbse=mbse))

    others = {one.check.id: one.seen for one in report.findings if one.verdict is not CheckResult.PASS}
    assert others == ({"discover-same": "it takes two URLs that introduce themselves"} if replicas == 1 else {})


@pytest.mark.parametrize("fault", FOUND_BY, ids=lambda fault: fault.name.lower())
async def test_a_fault_is_found_by_its_check_and_by_no_other(fault: Fault) -> None:
    async with small_connector(fault) as connector:
        report = await rehearse(script(connector))

    assert found(report) == {FOUND_BY[fault]}
