"""The token of the console, from the environment or from a file of its own."""

from collections.abc import Mapping
from pathlib import Path

from connector.config.settings import ConsoleSection
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import why_not
from connector.runtime.ownership import problem_of_secret

SHORTEST = 32
"""Characters: nobody guesses a random token of this length."""
HOW = "`openssl rand -hex 32` makes one"


def console_token(console: ConsoleSection, environ: Mapping[str, str]) -> str | None:
    """Return the token that opens the console; None if none is configured.

    Raises:
        ConfigurationError: it is missing or too short, or others may read its file. Never with any of it.
    """
    if console.token_env is not None:
        return _long_enough(environ.get(console.token_env, ""), f"console.token_env: {console.token_env}")
    if console.token_file is not None:
        return _long_enough(_read(console.token_file), f"console.token_file: {console.token_file}")
    return None


def _read(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            if problem := problem_of_secret(file.fileno()):
                raise ConfigurationError([f"console.token_file: {path}: {problem}"])
            return file.read().strip()
    except OSError as problem:
        raise ConfigurationError([f"console.token_file: {path}: {why_not(problem, path)}"]) from problem


def _long_enough(token: str, origin: str) -> str:
    if not token:
        raise ConfigurationError([f"{origin}: is not set or empty; {HOW}"])
    if len(token) < SHORTEST or not (token.isascii() and token.isprintable()):
        raise ConfigurationError([f"{origin}: expected at least {SHORTEST} characters, letters and digits; {HOW}"])
    return token
