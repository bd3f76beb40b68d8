"""Which configurations of the console can work, and what is said of those that cannot."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.model.errors import ConfigurationError
from connector.preflight.loading import load
from tests.endsystems.certificates import authority

OF_THIS_MACHINE = "because server.trusted_proxies has addresses of this machine"
TOKEN = "0123456789abcdef0123456789abcdef"


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with a configuration; nothing if it can work."""
    file = folder / "config.toml"
    file.write_text(text)
    try:
        load(file, environ or {})
    except ConfigurationError as found:
        return list(found.problems)
    return []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('host = "0.0.0.0"', "console.host: beyond loopback, expected console.tls.certificate and a token"),
        ('host = "192.0.2.7"\ntoken_env = "TOKEN"', "console.tls.certificate: expected beyond loopback"),
        ('host = "console.example.org"', "console.host: beyond loopback"),
        ('token_env = "TOKEN"\ntoken_file = "token"', "console.token_file: expected nothing, because console.token_env is set"),
        ('trusted_user_header = "X-User"', "console.trusted_user_header: expected server.trusted_proxies beside it"),
        (
            'host = "0.0.0.0"\ntoken_env = "TOKEN"\ntrusted_user_header = "X-User"\n[server]\ntrusted_proxies = ["192.0.2.7"]',
            "console.tls.certificate: expected beyond loopback",
        ),
        *(
            (
                f'trusted_user_header = "X-User"\n[server]\ntrusted_proxies = ["{near}"]',
                OF_THIS_MACHINE,
            )
            for near in ("127.0.0.1", "::1", "127.0.0.0/8")
        ),
        ("port = 8080", "console.port: expected another port than that of the calls"),
        ("port = 9464", "console.port: expected another port than that of the metrics"),
        ('token_env = "NOT_SET"', "console.token_env: NOT_SET: is not set or empty"),
        ('token_env = "SHORT"', "console.token_env: SHORT: expected at least 32 characters"),
        ('token_file = "missing"', "No such file"),
        ('[console.tls]\nkey = "key.pem"', "console.tls.key: expected console.tls.certificate beside it"),
    ],
    ids=str,
)
def test_a_console_that_could_not_work_or_lets_everybody_in_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    found = problems(tmp_path, f"[console]\nenabled = true\n{text}", {"TOKEN": TOKEN, "SHORT": "s3cret"})

    assert len(found) == 1
    assert wrong in found[0]
    assert "s3cret" not in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'token_env = "TOKEN"',
        'host = "localhost"',
        'host = "::1"',
        'host = "0.0.0.0"\ntrusted_user_header = "X-User"\n[server]\ntrusted_proxies = ["192.0.2.7"]',
        'trusted_user_header = "X-User"\ntoken_env = "TOKEN"\n[server]\ntrusted_proxies = ["127.0.0.1"]',
        'host = "0.0.0.0"\ntoken_env = "TOKEN"\n[console.tls]\ncertificate = "client.pem"\nkey = "client.key"',
    ],
    ids=str,
)
def test_a_console_that_lets_only_those_in_who_may_is_not_refused(tmp_path: Path, text: str) -> None:
    authority(tmp_path).client()

    assert problems(tmp_path, f"[console]\nenabled = true\n{text}", {"TOKEN": TOKEN}) == []


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o640)
    text = '[console]\nenabled = true\ntoken_file = "token"'

    assert ["others may read it" in line for line in problems(tmp_path, text)] == [True]
    token.chmod(0o600)
    assert problems(tmp_path, text) == []


def test_a_console_that_is_switched_off_needs_nothing(tmp_path: Path) -> None:
    assert problems(tmp_path, '[console]\nhost = "0.0.0.0"\ntoken_env = "NOT_SET"\nport = 8080') == []
