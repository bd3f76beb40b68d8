"""A hang-up without a terminal: the configuration is read again, and what cannot be applied is named."""

import asyncio
import base64
import signal
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from connector.ledger.sql.tidying import TIDY_EVERY
from connector.model.headers import SEAL
from tests.cli.command import connector
from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.surroundings import WITHOUT_TERMINAL
from tests.e2e.test_key_rotation import NEW, OLD
from tests.endsystems.certificates import authority


async def test_a_new_level_of_the_log_applies_at_once(tmp_path: Path, session: str) -> None:
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        quiet = server.config.read_text().replace("[logs]", '[logs]\nlevel = "warning"')
        server.config.write_text(f"{quiet}\n[connector]\nname = 'another'\n")

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("some keys have changed that need a restart")
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session)).status == 200

        assert told["keys"] == ["connector.name"]
        assert '"request"' not in server.log.read_text()


async def test_a_file_that_has_become_wrong_changes_nothing(tmp_path: Path, session: str) -> None:
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        server.config.write_text("[server]\nprot = 8080\n")

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("the configuration cannot be read again")
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session)).status == 200

        assert [problem.partition(":")[0] for problem in told["problems"]] == ["server.prot"]
        await server.logged("request")


async def test_a_certificate_for_a_server_in_clear_text_is_said_to_need_a_restart(tmp_path: Path) -> None:
    authority(tmp_path).server()  # leaves its certificate and key in server.pem
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        server.config.write_text(f'{server.config.read_text()}[server.tls]\ncertificate = "server.pem"\n')

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("some keys have changed that need a restart")

        assert told["keys"] == ["server.tls.certificate"]


async def test_a_key_that_is_added_opens_what_another_server_makes_with_it(tmp_path: Path, session: str) -> None:
    here, there = (tmp_path / name for name in ("here", "there"))
    for folder in (here, there):
        give(folder, [OLD])
    with connector_process(here, "", launcher=WITHOUT_TERMINAL) as server:
        await connector("keys", "add", folder=here)
        lines = key_file(here).read_text().splitlines()
        server.process.send_signal(signal.SIGHUP)
        assert (await server.logged("keys were added"))["keys"] == [lines[1].partition(":")[0]]

        give(there, [lines[1], lines[0]])
        with connector_process(there, "") as promoted:
            async with OpsHub(promoted.url) as opshub:
                headers = (await opshub.initialize(session, [])).session_headers
            async with OpsHub(server.url) as opshub:
                answer = await opshub.cleanup(session, headers)
        assert (answer.status, answer.body.get("errors")) == (200, None)


async def test_a_key_is_promoted_and_the_old_one_goes_once_no_session_needs_it(tmp_path: Path, session: str) -> None:
    give(tmp_path, [OLD])
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        async with OpsHub(server.url) as opshub:
            old = (await opshub.initialize(session, [])).session_headers
            give(tmp_path, [NEW])
            server.process.send_signal(signal.SIGHUP)
            promoted = await server.logged("a key was promoted")
            needed = await server.logged("keys that were taken out are still needed")
            new = (await opshub.initialize(other := str(uuid4()), [])).session_headers
            answer = await opshub.cleanup(session, old)
            # The counter of idle time is of the old key, too, until the ledger is tidied up.
            async with asyncio.timeout(2 * TIDY_EVERY):
                while not server.log.read_text().count("keys were taken out"):
                    server.process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(1)
            refused, accepted = await opshub.cleanup(session, old), await opshub.cleanup(other, new)

    assert (promoted["key"], promoted["before"], needed["keys"]) == ("new.", "old.", ["old."])
    assert "1 sessions" in needed["needed_by"]["old."]
    assert (key_of(old), key_of(new)) == ("old.", "new.")
    assert [each.status for each in (answer, refused, accepted)] == [200, 404, 200]


async def test_sessions_go_on_while_keys_are_promoted_to_and_fro(tmp_path: Path) -> None:
    give(tmp_path, [OLD, NEW])
    seals = set[str]()
    statuses = set[int]()
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:

        async def lives(opshub: OpsHub) -> None:
            for _ in range(40):
                opened = await opshub.initialize(session := str(uuid4()), [])
                seals.add(key_of(opened.session_headers))
                statuses.update([opened.status, (await opshub.cleanup(session, opened.session_headers)).status])

        async with OpsHub(server.url) as opshub, asyncio.TaskGroup() as users:
            tasks = [users.create_task(lives(opshub)) for _ in range(4)]
            turn = 0
            while not all(task.done() for task in tasks):
                turn += 1
                give(tmp_path, [NEW, OLD] if turn % 2 else [OLD, NEW])
                server.process.send_signal(signal.SIGHUP)
                await asyncio.sleep(0.05)
        assert server.log.read_text().count("a key was promoted") > 1
    assert (statuses, seals) == ({200}, {"old.", "new."})


async def test_a_key_with_another_secret_under_the_same_id_is_not_taken(tmp_path: Path, session: str) -> None:
    give(tmp_path, [OLD])
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, [])).session_headers
            give(tmp_path, [f"old.:{'o' * 42}A", f"third:{'t' * 42}A"])
            server.process.send_signal(signal.SIGHUP)
            exchanged = await server.logged("keys have another secret under the same id")
            added = await server.logged("keys were added")
            answer = await opshub.cleanup(session, headers)

    assert (exchanged["keys"], added["keys"]) == (["old."], ["third"])
    assert (answer.status, answer.body.get("errors")) == (200, None)


async def test_a_key_file_that_has_become_wrong_changes_nothing(tmp_path: Path) -> None:
    give(tmp_path, [OLD])
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        give(tmp_path, ["no key at all"])

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("the configuration cannot be read again")

        assert [problem.partition(":")[0] for problem in told["problems"]] == ["ledger.key_file"]


def key_of(headers: dict[str, str]) -> str:
    """Return the id of the key that a seal names."""
    sealed = base64.urlsafe_b64decode(headers[SEAL] + "==")
    return sealed[2 : 2 + sealed[1]].decode()


def key_file(folder: Path) -> Path:
    return folder / "var" / "keys" / "ledger.keys"


def give(folder: Path, keys: Sequence[str]) -> None:
    key_file(folder).parent.mkdir(parents=True, exist_ok=True)
    key_file(folder).touch(mode=0o600)
    key_file(folder).write_text("\n".join(keys))
