"""What the steps of a profile come to together, against a real server."""

import pytest

from connector.endsystems.end_system import SessionLogin
from connector.endsystems.profile.conclusion import conclude
from connector.endsystems.profile.rules import Verdict
from connector.model.credential import Credential
from connector.model.outcomes import LogoutResult
from tests.endsystems.faulty import faulty_system
from tests.endsystems.opened import LOGOUT, SESSION, VERIFY, login, opened

STEP = """
[[steps]]
method = "POST"
url = "{{base_url}}/{path}"
success = [200, 204]
already_out = [401]
"""
DESCRIBED = 'description = "Several steps"\n'


def steps(*paths: str) -> str:
    return DESCRIBED + "".join(STEP.format(path=path) for path in paths)


CLIENT = 'form = { secret = "{env.CONNECTOR_CLIENT_SECRET}" }\n'


async def outcome_of(profile: str, **headers: str) -> tuple[str, list[str]]:
    """Log out by a profile; returns the outcome with its code, and what was sent."""
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        outcome = await end_system.logout(login(**headers))
        return f"{outcome.result} {outcome.code}", [request.target for request in system.received]


@pytest.mark.parametrize(
    ("paths", "outcome", "sent"),
    [
        (["status/200", "status/204"], "acknowledged None", 2),
        (["status/200", "status/401"], "acknowledged None", 2),
        (["status/401", "status/200"], "acknowledged None", 2),
        (["status/401", "status/401"], "already_out None", 2),
        (["status/200", "status/503"], "pending http_503", 2),
        (["status/503", "status/200"], "pending http_503", 1),
        (["status/200", "status/403"], "refused http_403", 2),
        (["status/403", "status/200"], "refused http_403", 1),
    ],
)
async def test_steps_are_taken_until_one_fails(paths: list[str], outcome: str, sent: int) -> None:
    found, requests = await outcome_of(steps(*paths))
    assert (found, requests) == (outcome, [f"/{path}" for path in paths[:sent]])


async def test_a_profile_without_steps_sends_nothing_and_is_not_applicable() -> None:
    assert await outcome_of(DESCRIBED + "steps = []") == ("not_applicable None", [])


CSRF = (
    DESCRIBED
    + """
[[steps]]
method = "GET"
url = "{base_url}/status/%s?%s"
success = [200]
already_out = [401]
capture = { csrf = %s }

[[steps]]
method = "POST"
url = "{base_url}/status/%s"
headers = { X-CSRF = "{captured.csrf}", Authorization = "{credential.Authorization}" }
success = [200]
already_out = [401]
"""
)


@pytest.mark.parametrize(
    ("answer", "extract"),
    [
        ("x-answer=tok", '{ header = "X-Answer" }'),
        ("set-cookie=a%3D1", '{ cookie = "a" }'),
        ("set-cookie=csrf%3Dt%22o%3D%3B%20Path%3D/", '{ cookie = "csrf" }'),
        ("body=%7B%22a%22%3A%5B%7B%22b%22%3A7%7D%5D%7D", '{ json = "a.0.b" }'),
        ("body=%3Cinput%20value%3D%22tok%22%3E", '{ pattern = \'value="([^"]*)"\' }'),
    ],
    ids=["header", "cookie", "cookie with attributes", "json", "pattern"],
)
async def test_what_a_step_captures_is_used_by_a_later_one(answer: str, extract: str) -> None:
    async with faulty_system() as system, opened(CSRF % (200, answer, extract, 200), base_url=system.url) as end_system:
        outcome = await end_system.logout(login(Authorization="t"))
        assert outcome.result is LogoutResult.ACKNOWLEDGED
        assert system.received[1].header("x-csrf") in {b"tok", b"1", b't"o=', b"7"}


@pytest.mark.parametrize("answer", ["x-other=1", "body=%5B%5D", "body=" + "%5B" * 3000, "body=%7B%22a%22%3Anull%7D", "x-answer="])
@pytest.mark.parametrize("extract", ['{ header = "X-Answer" }', '{ json = "a.0" }', '{ cookie = "a" }', '{ pattern = "k(.)" }'])
async def test_a_value_that_cannot_be_captured_is_refused_and_named(answer: str, extract: str) -> None:
    outcome, sent = await outcome_of(CSRF % (200, answer, extract, 200), Authorization="t")
    assert (outcome, len(sent)) == ("refused capture_missing", 1)


async def test_a_preparing_step_ends_the_run_of_a_gone_session_and_is_no_logout() -> None:
    capture = '{ header = "X-Answer" }'
    assert await outcome_of(CSRF % (401, "", capture, 200), Authorization="t") == ("already_out None", ["/status/401"])
    outcome, sent = await outcome_of(CSRF % (200, "x-answer=1", capture, 401), Authorization="t")
    assert (outcome, len(sent)) == ("already_out None", 2)


@pytest.mark.parametrize(
    ("logout", "probe", "outcome"),
    [
        ("logout", "alive", "verified None"),
        ("fine", "alive", "refused still_alive"),
        ("status/401", "alive", "refused still_alive"),
        ("status/401", "status/401", "already_out None"),
        ("logout", "status/500", "acknowledged None"),
        ("logout", "status/302", "acknowledged None"),
        ("logout", "before", "acknowledged None"),
        ("status/401", "status/500", "already_out None"),
    ],
)
async def test_the_probe_decides_whether_a_logout_is_believed(logout: str, probe: str, outcome: str) -> None:
    profile = LOGOUT.format(path=logout) + VERIFY.format(path=probe)
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        found = await end_system.logout(login(Authorization=system.log_in()))
        assert f"{found.result} {found.code}" == outcome
        assert (found.message is None) is (found.result is LogoutResult.VERIFIED or probe == "status/401")


async def test_no_probe_is_sent_after_a_logout_that_failed() -> None:
    outcome, sent = await outcome_of(LOGOUT.format(path="status/500") + VERIFY.format(path="alive"), Authorization="t")
    assert (outcome, sent) == ("pending none", ["/status/500"])


RULES = """
success = [200, { status = 302, headers = { Location = "/goodbye" } }]
already_out = [{ body = "not logged in" }, { status = 302, headers = { Location = "/login" } }]
retry = [409, { status = 200, body = "busy" }]
"""


@pytest.mark.parametrize(
    ("answer", "outcome", "rule"),
    [
        ("200?body=done", "acknowledged", "success[0]"),
        ("200?body=you+are+not+logged+in", "already_out", "already_out[0]"),
        ("403?body=you+are+not+logged+in", "already_out", "already_out[0]"),
        ("200?body=busy,+you+are+not+logged+in", "pending", "retry[1]"),
        ("302?location=/goodbye", "acknowledged", "success[1]"),
        ("302?location=/login", "already_out", "already_out[1]"),
        ("302?location=/elsewhere", "refused", "default"),
        ("409", "pending", "retry[0]"),
        ("500", "pending", "default"),
        ("204", "refused", "default"),
    ],
)
async def test_specific_rules_come_first_and_the_most_cautious_among_equals(answer: str, outcome: str, rule: str) -> None:
    profile = DESCRIBED + f'[[steps]]\nmethod = "GET"\nurl = "{{base_url}}/status/{answer}"\n{RULES}'
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        records = [record async for record in end_system.run(login())]
        assert (conclude(records).result, records[0].rule) == (outcome, rule)


async def test_a_profile_may_call_success_what_is_pending_by_default() -> None:
    profile = LOGOUT.format(path="status/500").replace("[200, 204]", "[500]")
    assert (await outcome_of(profile, Authorization="t"))[0] == "acknowledged None"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("invalid_client", "invalid_client"),
        ("ARERR.623", "ARERR.623"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "http_403"),
        ("two+words", "http_403"),
        ("a%0Ab", "http_403"),
        ("%3Cscript%3E", "http_403"),
        ("canary-token-of-a-session", "http_403"),
        ("unknown:canary-token-of-a-session", "http_403"),
        ("canary-token", "http_403"),
        ("s3cret-canary", "http_403"),
    ],
)
async def test_the_end_systems_own_code_is_reported_if_it_is_one_and_repeats_no_secret(error: str, code: str) -> None:
    headers = {"Authorization": "Bearer canary-token-of-a-session; a=1"}
    found, _ = await outcome_of(LOGOUT.format(path=f"status/403?error={error}") + CLIENT, **headers)
    assert found == f"refused {code}"


@pytest.mark.parametrize("missing", [{}, {"Authorization": ""}, {"Authorization": "Bearer t", "Cookie": "other=1"}])
async def test_nothing_is_sent_while_anything_that_any_request_needs_is_missing(missing: dict[str, str]) -> None:
    last = STEP.format(path="status/200") + 'cookies = { SID = "{credential.Cookie|cookie:SID}" }\n'
    outcome, sent = await outcome_of(LOGOUT.format(path="fine") + last, **missing)
    assert (outcome, sent) == ("refused credential_missing", [])


async def test_what_the_probe_needs_is_also_asked_for_before_anything_is_sent() -> None:
    probe = VERIFY.format(path="alive").replace("credential.Authorization", "credential.X-Probe")
    async with faulty_system() as system, opened(LOGOUT.format(path="logout") + probe, base_url=system.url) as end_system:
        outcome = await end_system.logout(login(Authorization=system.log_in()))
        assert (outcome.code, outcome.message) == (
            "credential_missing",
            "verify.headers.Authorization: credential.X-Probe is missing or empty",
        )
        assert not system.received


async def test_duplicates_are_known_by_the_headers_that_the_end_system_needs() -> None:
    profile = LOGOUT.format(path="x") + VERIFY.format(path="y").replace("credential.Authorization", "credential.X-Probe")
    async with opened(profile, base_url="{credential.X-Url}", allowed_urls=["https://h/"]) as end_system:
        assert end_system.needed_headers == {"Authorization", "X-Probe", "X-Url"}


async def test_the_session_may_say_where_its_end_system_is_within_what_is_allowed() -> None:
    async with faulty_system() as system, faulty_system() as other:
        keys = {"base_url": "{credential.X-Url}", "allowed_urls": [f"{system.url}/status"]}
        async with opened(LOGOUT.format(path="200"), **keys) as end_system:
            inside = await end_system.logout(login(Authorization="t", X_Url=f"{system.url}/status/"))
            assert inside.result is LogoutResult.ACKNOWLEDGED
            for url in (
                other.url,
                system.url,
                f"{system.url}/statuses",
                f"{system.url}/status/../fine",
                f"{system.url}/status/%2e%2e/fine",
                f"{system.url}/status?x=",
                f"{system.url}/status#",
                system.url.replace("//", "//u:p@") + "/status",
                system.url.replace("//127.0.0.1", "//localhost") + "/status",
                f"ftp{system.url[4:]}/status",
                "http://169.254.169.254/status",
                "nonsense",
                "{base_url}",
                "http://[::1",
                "é",
            ):
                outside = await end_system.logout(login(Authorization="t", X_Url=url))
                assert (outside.result, outside.code) == (LogoutResult.REFUSED, "target_not_allowed")
        assert (len(system.received), other.connections) == (1, 0)


async def test_a_run_tells_of_every_request_as_it_goes() -> None:
    profile = LOGOUT.format(path="logout") + VERIFY.format(path="alive")
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        records = [record async for record in end_system.run(login(Authorization=system.log_in()))]
        assert [(record.step, record.method, record.url, record.status, record.verdict, record.rule) for record in records] == [
            ("steps[0]", "DELETE", f"{system.url}/logout", 204, Verdict.SUCCESS, "success[1]"),
            ("verify", "GET", f"{system.url}/alive", 401, Verdict.DEAD, "dead[0]"),
        ]
        assert all(record.milliseconds >= 0 for record in records)


async def test_a_header_that_came_twice_is_known_by_its_first() -> None:
    session = SessionLogin(SESSION, None, Credential([("Authorization", "Bearer a"), ("authorization", "Bearer b")]))
    async with faulty_system() as system, opened(LOGOUT.format(path="fine"), base_url=system.url) as end_system:
        await end_system.logout(session)
        assert system.received[0].header("authorization") == b"Bearer a"
