"""An author's end system, by the dotted path of its class."""

from collections.abc import Mapping

from pydantic import ValidationError

from connector.config import settings as config
from connector.config.dotted_paths import imported
from connector.endsystems.authored import misfits
from connector.endsystems.end_system import EndSystem, settings_of
from connector.endsystems.http.egress import Egress, checked_egress
from connector.endsystems.http.guarded_client import GuardedClient
from connector.model.errors import ConfigurationError

EXPECTED = (
    "expected a bundled profile, a .toml file, or the dotted path of a class that derives from `connector.endsystems.EndSystem`"
)


def own_end_system(settings: config.EndSystemSection, environ: Mapping[str, str]) -> EndSystem:
    """Make an instance of the class that `settings.profile` names. Raises `ConfigurationError` with every problem."""
    try:
        implementation = _class(settings.profile)
    except LookupError as problem:
        raise ConfigurationError([f"end_system.profile: {problem}"]) from problem
    problems = [f"end_system.profile: {misfit}" for misfit in misfits(implementation)]
    if problems:
        raise ConfigurationError(problems)
    connections = checked_egress(settings, environ, problems)
    if connections.base_url is not None and connections.fixed_base_url is None:
        problems = ["end_system.base_url: expected no settings in braces; a Python class passes `base_url` to its client itself"]
    try:
        own = settings_of(implementation, settings.settings)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        problems += [".".join(["end_system.settings", *map(str, each["loc"])]) + f": {each['msg']}" for each in found]
    if problems:
        raise ConfigurationError(problems)
    made = implementation(own)
    made.guarded = guarded_client(settings, connections)
    return made


def guarded_client(settings: config.EndSystemSection, connections: Egress) -> GuardedClient:
    """Make the client by which an end system is reached."""
    return GuardedClient(
        settings.deadlines,
        connections.tls,
        connections.proxy,
        allowed=connections.allowed,
        base_url=connections.fixed_base_url,
    )


def _class(path: str) -> type[EndSystem]:
    implementation = imported(path, EXPECTED)
    if isinstance(implementation, type) and issubclass(implementation, EndSystem):
        return implementation
    raise LookupError(EXPECTED)
