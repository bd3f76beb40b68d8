"""What else OpsHub sends, and what must never come back or be logged."""

import asyncio
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.connector_process import connector_process
from tests.e2e.held import EchoingEndSystem
from tests.e2e.opshub import OpsHub
from tests.endsystems.real_oauth import OidcProvider

CANARY = "canary-7f3b9c"


@pytest.mark.parametrize("base", ["", "/sdk-api/api/1.0", "/mbse/api/1.0"])
async def test_opshub_before_7_197_which_sends_no_parameters_logs_out_at_every_base_path(
    oidc: OidcProvider, session: str, tmp_path: Path, base: str
) -> None:
    login = await oidc.log_in()
    with connector_process(tmp_path, oidc.section, oidc.environment) as server:
        async with OpsHub(server.url) as opshub:
            answer = await opshub.cleanup(session, login.headers, base=base)
    assert (answer.status, answer.body["logout"]["outcome"], answer.body["systemId"]) == (200, "verified", None)
    assert not await login.works()


async def test_the_mbse_variant_gets_its_errors_as_a_list(tmp_path: Path) -> None:
    with connector_process(tmp_path, "") as server:
        async with OpsHub(server.url) as opshub:
            mbse = await opshub.cleanup("no-uuid", base="/mbse/api/1.0")
            sdk = await opshub.cleanup("no-uuid")
    assert (mbse.status, sdk.status) == (400, 400)
    assert mbse.body["errors"] == [sdk.body["errors"]]


async def test_a_credential_shows_in_no_answer_and_no_log_line_however_the_call_ends(session: str, tmp_path: Path) -> None:
    token = {"Authorization": f"Bearer {CANARY}"}
    async with EchoingEndSystem() as end_system:
        with connector_process(tmp_path, end_system.section) as server:
            async with OpsHub(server.url) as opshub:
                answers = [
                    await opshub.cleanup(session, token),
                    await opshub.cleanup(CANARY, token),
                    await opshub.cleanup(session, token, {"systemId": CANARY * 100}),
                    await opshub.cleanup(session, token, {"cleanupGlobalCache": CANARY}),
                    await opshub.cleanup(session, token, base=f"/{CANARY}"),
                ]
            malformed = [
                await raw_answer(
                    server.url, f"POST /cleanup/{session} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {value}\r\n\r\n"
                )
                for value in (CANARY * 10_000, f"{CANARY}\x01{CANARY}", f"{CANARY}\r\n<{CANARY}>: {CANARY}")
            ]
            server.process.terminate()
            await server.exit_code()
            logged = server.log.read_text()
    assert [answer.status for answer in answers] == [502, 400, 400, 400, 404]
    assert [answer.split()[1] for answer in malformed] == ["400", "400", "400"]
    said = [*malformed, *(f"{answer.headers}{answer.text}" for answer in answers), logged]
    assert not [text for text in said if CANARY in text]


async def raw_answer(url: str, request: str) -> str:
    """Send what no HTTP client would, and return all that comes back."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request.encode())
    answer = b""
    with suppress(ConnectionResetError):  # the server need not read all of it
        while part := await reader.read(65_536):
            answer += part
    writer.close()
    return answer.decode()
