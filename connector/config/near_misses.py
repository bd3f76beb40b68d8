"""Variables that were meant to set a key, and would be ignored silently."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from connector.config.fields import KeyPath
from connector.config.sources import Sources, variable_name
from connector.config.variables import CONFIG_VARIABLE, DELIMITER, KEYS_VARIABLE, PREFIX

OTHERS = (CONFIG_VARIABLE, KEYS_VARIABLE)
"""Variables of the connector that set no key."""
LINK = re.compile(r"(tcp|udp|sctp)://")
"""The values of variables that Kubernetes and Docker make for a service with the name `connector-server`."""


def near_misses(keys: Collection[KeyPath], sources: Sources, environ: Mapping[str, str]) -> list[str]:
    """Return a line for each variable whose name differs from a key's only in underscores or case.

    A variable that the configuration or its profile mentions is meant as it is.
    """
    meant = {_plain(name): name for name in (*map(variable_name, keys), *OTHERS)}
    sections = {path[0].upper() for path in keys}
    # A variable may be named in another one, for example in `password_env`.
    set_by_variables = (variable.text for variable in sources.variables.values())
    mentioned = {*re.findall(r"\w+", "\n".join([*_texts(sources.table), *set_by_variables, _profile(sources)]))}
    return [
        f"{name}: matches no key; did you mean {target}?"
        for name, text in sorted(environ.items())
        if text and name not in mentioned and (target := _target(name, meant, sections)) and not LINK.match(text)
    ]


def _target(name: str, meant: Mapping[str, str], sections: Collection[str]) -> str | None:
    """Return the right name of a variable; None if it is right, or unlike ours."""
    plain = _plain(name)
    if name.upper().startswith(PREFIX) or name in OTHERS or not name.isprintable():
        return None
    if plain in meant:
        return meant[plain]
    # With a known section, it was meant for us, even if the key is misspelled, too.
    section, delimiter, key = name.upper().removeprefix("CONNECTOR_").partition(DELIMITER)
    return f"{PREFIX}{section}{DELIMITER}{key}" if delimiter and plain.startswith("CONNECTOR_") and section in sections else None


def _plain(name: str) -> str:
    return re.sub("_+", "_", name.upper())


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


def _profile(sources: Sources) -> str:
    """Return the text of an author's profile, which may name variables."""
    given = sources.given(("end_system", "profile"))
    try:
        return (sources.folder / given).read_text("utf-8") if isinstance(given, str) and given.endswith(".toml") else ""
    except (OSError, ValueError):
        return ""  # loading it tells what is wrong with it
