"""A hang-up without a terminal: the configuration is read again, and what cannot be applied is named."""

import signal
from collections.abc import Sequence
from pathlib import Path

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


async def test_a_key_that_is_promoted_or_exchanged_is_said_to_need_a_restart(tmp_path: Path) -> None:
    give(tmp_path, [OLD, NEW])
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        give(tmp_path, [f"third:{'t' * 42}A", f"old.:{'o' * 42}A"])

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("keys were promoted, exchanged or taken out")

        assert told["keys"] == ["old.", "new.", "third"]
        assert (await server.logged("keys were added"))["keys"] == ["third"]


async def test_a_key_file_that_has_become_wrong_changes_nothing(tmp_path: Path) -> None:
    give(tmp_path, [OLD])
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        give(tmp_path, ["no key at all"])

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("the configuration cannot be read again")

        assert [problem.partition(":")[0] for problem in told["problems"]] == ["ledger.key_file"]


def key_file(folder: Path) -> Path:
    return folder / "var" / "keys" / "ledger.keys"


def give(folder: Path, keys: Sequence[str]) -> None:
    key_file(folder).parent.mkdir(parents=True, exist_ok=True)
    key_file(folder).touch(mode=0o600)
    key_file(folder).write_text("\n".join(keys))
