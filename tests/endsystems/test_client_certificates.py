"""End systems that want a certificate of their client, over real TLS."""

from pathlib import Path
from typing import Any

import pytest

from connector.config.settings import EndSystemSection
from connector.endsystems.build import build_end_system
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import FaultySystem, faulty_system
from tests.endsystems.opened import LOGOUT, login, opened


async def log_out(system: FaultySystem, **keys: Any) -> LogoutOutcome:
    async with opened(LOGOUT.format(path="logout"), base_url=system.url, **keys) as end_system:
        return await end_system.logout(login(Authorization="Bearer t"))


def problems(**keys: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        build_end_system(EndSystemSection(**keys), {})
    return [*raised.value.problems]


@pytest.mark.parametrize("in_one_file", [True, False])
async def test_a_certificate_is_shown_to_an_end_system_that_wants_one(tmp_path: Path, *, in_one_file: bool) -> None:
    trusted = authority(tmp_path)
    certificate, key = trusted.client()
    keys = {"client_certificate": certificate, "client_key": key}
    if in_one_file:
        certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
        del keys["client_key"]
    async with faulty_system(trusted.wanting_clients()) as system:
        outcome = await log_out(system, ca_file=trusted.file, **keys)
    # The end system does not know the login, but it has read the request.
    assert (outcome.result, len(system.received)) == (LogoutResult.ALREADY_OUT, 1)


def test_a_file_that_is_not_there_is_told_by_its_key(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path).client()
    nowhere = tmp_path / "nowhere.pem"
    [first] = problems(client_certificate=nowhere, client_key=key)
    [second] = problems(client_certificate=certificate, client_key=nowhere)
    assert first.startswith("end_system.client_certificate: cannot be read: No such file")
    assert second.startswith("end_system.client_key: cannot be read: No such file")


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path).client(password="canary-3f")
    [told] = problems(client_certificate=certificate, client_key=key)
    assert told.endswith("the key without a password")


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = authority(tmp_path).client()
    (tmp_path / "other").mkdir()
    _, other = authority(tmp_path / "other").client()
    [told] = problems(client_certificate=certificate, client_key=other)
    assert told.startswith("end_system.client_certificate: expected a certificate and its key")


def test_a_key_without_a_certificate_is_refused(tmp_path: Path) -> None:
    _, key = authority(tmp_path).client()
    assert problems(client_key=key) == ["end_system.client_key: expected end_system.client_certificate beside it"]
