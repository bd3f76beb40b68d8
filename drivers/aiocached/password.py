"""The password of a store, from the environment or from a file of its own."""

import os
from pathlib import Path

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.driver_errors import DriverMisconfigured


def password(settings: AiocacheSettings) -> str | None:
    """Return the password, if the settings name one. Raises `DriverMisconfigured` if the variable or the file is missing."""
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.password_env is not None:
        return _of_variable(settings.password_env)
    if settings.password_file is not None:
        return _of_file(settings.password_file)
    return None


def _of_variable(name: str) -> str:
    if not os.environ.get(name):
        raise DriverMisconfigured(f"needs a password, and the environment variable {name} that password_env names is not set")
    return os.environ[name]


def _of_file(file: Path) -> str:
    try:
        # Editors end a file with a line break, which is no part of the password.
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise DriverMisconfigured(f"needs a password, and password_file cannot be read ({type(problem).__name__})") from problem
    if not text:
        raise DriverMisconfigured("needs a password, and password_file is empty")
    return text
