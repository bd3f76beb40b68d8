"""A hang-up without a terminal: the configuration is read again, and what cannot be applied is named."""

import signal
from pathlib import Path

from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.surroundings import WITHOUT_TERMINAL
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
