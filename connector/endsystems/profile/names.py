"""The names that a profile gives and uses."""

import re
from typing import Annotated

from pydantic import AfterValidator

from connector.endsystems.profile.filters import COOKIE_NAME
from connector.endsystems.profile.grammar import CAPTURE_NAME, HEADER_NAME, SETTING_NAME

SET_COOKIE_NAME = re.compile(r"[^\x00-\x20=;\x7f]+")
"""What servers name their cookies, whatever RFC 6265 says."""


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(name: str) -> str:
        if not pattern.fullmatch(name):
            raise ValueError(f"expected {what}")
        return name

    return AfterValidator(check)


HeaderName = Annotated[str, _matching(HEADER_NAME, "the name of a header")]
CookieName = Annotated[str, _matching(COOKIE_NAME, "the name of a cookie")]
SetCookieName = Annotated[str, _matching(SET_COOKIE_NAME, "the name of a cookie")]
SettingName = Annotated[str, _matching(SETTING_NAME, "a name of letters, digits, underscores, dots and hyphens")]
CaptureName = Annotated[str, _matching(CAPTURE_NAME, "a name of letters, digits and underscores")]
