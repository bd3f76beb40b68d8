"""End systems made of a profile's text, opened for one test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome

SESSION = "6f1c1d2e-0000-4000-8000-000000000001"
ENVIRON = {"CONNECTOR_CLIENT_ID": "client-canary", "CONNECTOR_CLIENT_SECRET": "s3cret-canary"}

LOGOUT = """
description = "Logs out of the faulty end system"

[[steps]]
method = "DELETE"
url = "{{base_url}}/{path}"
headers = {{ Authorization = "{{credential.Authorization}}" }}
success = [200, 204]
already_out = [401]
error_code = {{ json = "error" }}
"""
"""A profile of one step, for a `path`."""

VERIFY = """
[verify]
method = "GET"
url = "{{base_url}}/{path}"
headers = {{ Authorization = "{{credential.Authorization}}" }}
dead = [401]
alive = [200]
"""

LOGIN = """
[settings.username]
required = true

[settings.password]
required = true
secret = true

[[login]]
method = "POST"
url = "{{base_url}}/{path}"
form = {{ username = "{{setting.username}}", password = "{{setting.password}}" }}
success = [200]
refused = [401, 403]
capture = {{ token = {{ json = "token" }} }}
error_code = {{ json = "error" }}

[credential]
Authorization = "Bearer {{captured.token}}"
"""
"""A login of one step, for a `path`, to stand after a logout."""
RIGHT = {"username": "us3r-canary", "password": "right"}


def login(**headers: str) -> SessionLogin:
    """A session whose request carried these headers; an underscore stands for a hyphen."""
    return SessionLogin(SESSION, "A", Credential([(name.replace("_", "-"), value) for name, value in headers.items()]))


async def undone(end_system: EndSystem, outcome: LoginOutcome) -> LogoutOutcome:
    """Log out what a failed login has made."""
    assert outcome.credential
    return await end_system.logout(SessionLogin(SESSION, None, outcome.credential))


def built(profile: str, folder: Path, environ: Mapping[str, str] = ENVIRON, **keys: Any) -> HttpEndSystem:
    """Build from a profile's text and the keys of `[end_system]`."""
    file = folder / "profile.toml"
    file.write_text(profile)
    end_system = build_end_system(settings.EndSystemSection(profile=str(file), **keys), environ)
    assert isinstance(end_system, HttpEndSystem)
    return end_system


@asynccontextmanager
async def opened(profile: str, **keys: Any) -> AsyncIterator[HttpEndSystem]:
    """As `built`, and opened."""
    with TemporaryDirectory() as folder:
        end_system = built(profile, Path(folder), **keys)
        await end_system.open()
        try:
            yield end_system
        finally:
            await end_system.aclose()
