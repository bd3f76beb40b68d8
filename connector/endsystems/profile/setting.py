"""The settings that a profile declares: what an administrator sets for a system in OpsHub."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from connector.endsystems.http.guard import UrlPrefix, allowed_target, checked_url
from connector.endsystems.profile.rules import ProfileTable

INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
MISSING = "is missing"
"""What is wrong with a required setting that is not given."""


class SettingType(StrEnum):
    """What the text of a setting has to be."""

    TEXT = "text"
    URL = "url"
    """Within `end_system.allowed_urls`."""
    INTEGER = "integer"
    BOOLEAN = "boolean"
    JSON = "json"


class Setting(ProfileTable):
    """One setting. An empty value counts as absent."""

    type: SettingType = SettingType.TEXT
    required: bool = False
    secret: bool = False
    """Never among the headers that OpsHub gets back."""
    choices: Annotated[list[str], Field(min_length=1)] | None = None
    default: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "Setting":
        if self.default is None:
            return self
        if self.required:
            raise ValueError("expected no default for what is required")
        if fault := self.fault(self.default, None):
            raise ValueError(f"the default: {fault}")
        return self

    @property
    def is_always_there(self) -> bool:
        """Whether every session has a value for it, so that a template may refer to it."""
        return self.required or self.default is not None

    def fault(self, value: str, allowed: Sequence[UrlPrefix] | None) -> str | None:
        """Return what is wrong with a value, without repeating it. If `allowed` is None, a URL may lead anywhere."""
        if self.choices is not None and value not in self.choices:
            return f"expected one of: {', '.join(self.choices)}"
        match self.type:
            case SettingType.URL:
                return _fault_of_url(value, allowed)
            case SettingType.INTEGER if not INTEGER.fullmatch(value):
                return "expected a whole number"
            case SettingType.BOOLEAN if value.lower() not in {"true", "false"}:
                return "expected true or false"
            case SettingType.JSON if not _is_json(value):
                return "expected JSON"
        return None


def faults(declared: Mapping[str, Setting], given: Mapping[str, str], allowed: Sequence[UrlPrefix]) -> Iterator[str]:
    """Yield a line for each setting that is wrong, beginning with its name. What is not declared is not looked at."""
    for name, setting in declared.items():
        value = given.get(name, "")
        fault = setting.fault(value, allowed) if value else MISSING if setting.required else None
        if fault:
            yield f"{name}: {fault}"


def effective(declared: Mapping[str, Setting], given: Mapping[str, str]) -> dict[str, str]:
    """Return what was given of the declared settings, and the defaults for the rest."""
    # OpsHub sends an empty text for a field that was left empty.
    values = {name: given.get(name, "") or setting.default for name, setting in declared.items()}
    return {name: value for name, value in values.items() if value}


def _fault_of_url(value: str, allowed: Sequence[UrlPrefix] | None) -> str | None:
    try:
        if allowed is None:
            checked_url(value)
        else:
            allowed_target(value, allowed)
    except ValueError as problem:
        return str(problem)
    return None


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True
