"""The secrets of a store, from the environment or from files of their own."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.driver_errors import DriverMisconfigured


@dataclass(frozen=True, slots=True)
class Passwords:
    """What the settings name; None if they name nothing."""

    server: str | None = field(repr=False)
    sentinels: str | None = field(repr=False)


def secrets_of(settings: AiocacheSettings) -> Passwords:
    """Return the passwords. Raises `DriverMisconfigured` if a variable or a file is missing."""
    s = settings
    return Passwords(
        _password("password", s.password, s.password_env, s.password_file),
        _password("sentinel_password", s.sentinel_password, s.sentinel_password_env, s.sentinel_password_file),
    )


def check_client_certificate(settings: AiocacheSettings) -> None:
    """Raise `DriverMisconfigured` if the certificate that the settings name cannot be shown."""
    if settings.client_certificate is None:
        return
    try:
        # Without a password of our own, OpenSSL would ask for that of an encrypted key at the terminal.
        ssl.create_default_context().load_cert_chain(settings.client_certificate, settings.client_key, password=lambda: "")
    except (OSError, ValueError) as problem:
        wanted = "a client_certificate and its key in PEM format, the key without a password"
        raise DriverMisconfigured(f"cannot show its certificate ({type(problem).__name__}); expected {wanted}") from problem


def _password(key: str, secret: SecretStr | None, variable: str | None, file: Path | None) -> str | None:
    if secret is not None:
        return secret.get_secret_value()
    if variable is not None:
        return _of_variable(key, variable)
    if file is not None:
        return _of_file(key, file)
    return None


def _of_variable(key: str, name: str) -> str:
    if not os.environ.get(name):
        raise DriverMisconfigured(f"needs a password, and the environment variable {name} that {key}_env names is not set")
    return os.environ[name]


def _of_file(key: str, file: Path) -> str:
    try:
        # Editors end a file with a line break, which is no part of the password.
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise DriverMisconfigured(f"needs a password, and {key}_file cannot be read ({type(problem).__name__})") from problem
    if not text:
        raise DriverMisconfigured(f"needs a password, and {key}_file is empty")
    return text
