"""The effective configuration, key by key, without secrets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connector.config.fields import KeyPath, is_secret, leaves
from connector.config.problems import dotted
from connector.config.settings import Settings
from connector.config.variables import KEYS_VARIABLE
from connector.model.addresses import is_loopback
from connector.model.redaction import HIDDEN
from connector.preflight.combinations import DAY, idle_timeout, requires_seal
from connector.preflight.loading import Configuration

CREDENTIALS_IN_URL = re.compile(r"(?<=//)[^/@\s]*(?=@)")
NO_USE_SEEN = f"default, because `connector serve` sees no calls of sessions; with routes of yours it is {DAY:.0f}"


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """The effective value of a key, as JSON has it, and who set it."""

    key: str
    value: Any
    source: str


def effective_values(configuration: Configuration, environ: Mapping[str, str]) -> list[EffectiveValue]:
    """Return the effective value of every key, section by section, those of the storage instances included."""
    sections = [*Settings.model_fields]
    values = sorted(_values(configuration), key=lambda found: sections.index(found[0][0]))
    origin = configuration.sources.origin
    overruled = {value.key: value for value in _overruled(configuration.settings, environ)}
    configured = [EffectiveValue(dotted(path), value, origin(path) or "default") for path, value in values]
    return [overruled.get(value.key, value) for value in configured]


def _overruled(settings: Settings, environ: Mapping[str, str]) -> Iterator[EffectiveValue]:
    """Yield the values that something other than their own key decides."""
    if not is_loopback(settings.server.host) and not settings.security.require_seal:
        switched_off = not requires_seal(settings)
        reason = "security.allow_unsealed_cleanup_beyond_loopback" if switched_off else "server.host, which is beyond loopback"
        yield EffectiveValue("security.require_seal", not switched_off, reason)
    if settings.end_system.base_url and not settings.end_system.allowed_urls:
        yield EffectiveValue("end_system.allowed_urls", [_without_login(settings.end_system.base_url)], "end_system.base_url")
    if settings.sessions.idle_timeout is None:
        yield EffectiveValue("sessions.idle_timeout", idle_timeout(settings.sessions, sees_use=False) or "off", NO_USE_SEEN)
    if environ.get(KEYS_VARIABLE):
        yield EffectiveValue("ledger.key_file", None, f"environment variable {KEYS_VARIABLE}, which holds the keys")


def _values(configuration: Configuration) -> Iterator[tuple[KeyPath, Any]]:
    yield from _values_of(configuration.settings)
    for name, instance in configuration.instances.items():
        yield ("storage", name, "driver"), instance.table.get("driver", name)
        yield from _values_of(instance.settings, ("storage", name))


def _values_of(model: BaseModel, prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    shown = model.model_dump(mode="json", fallback=str)
    for path, field in leaves(type(model)):
        value: Any = shown
        for key in path:
            value = value[key]
        yield (*prefix, *path), _fit_to_show(field, value)


def _fit_to_show(field: FieldInfo, value: Any) -> Any:
    """Hide secrets, passwords in URLs, and an author's own tables, of which nobody knows what is secret."""
    match value:
        case None:
            return None
        case dict():
            return dict.fromkeys(value, HIDDEN)
        case _ if is_secret(field):
            return HIDDEN
        case str():
            return _without_login(value)
        case _:
            return value


def _without_login(url: str) -> str:
    return CREDENTIALS_IN_URL.sub(HIDDEN, url)
