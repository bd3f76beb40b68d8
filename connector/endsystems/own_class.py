"""An author's end system, by the dotted path of its class."""

from pydantic import ValidationError

from connector.config import settings as config
from connector.config.dotted_paths import imported
from connector.endsystems.end_system import EndSystem, settings_of
from connector.model.errors import ConfigurationError

EXPECTED = (
    "expected a bundled profile, a .toml file, or the dotted path of a class that derives from `connector.endsystems.EndSystem`"
)
PROFILE_ONLY = ("base_url", "allowed_urls", "ca_file", "proxy")


def own_end_system(settings: config.EndSystemSection) -> EndSystem:
    """Make an instance of the class that `settings.profile` names. Raises `ConfigurationError` with every problem."""
    try:
        implementation = _class(settings.profile)
    except LookupError as problem:
        raise ConfigurationError([f"end_system.profile: {problem}"]) from problem
    # A guard that seems configured and does nothing would be worse than none.
    unused = [name for name in PROFILE_ONLY if getattr(settings, name)]
    problems = [f"end_system.{name}: expected none; a Python class has only [end_system.settings]" for name in unused]
    try:
        own = settings_of(implementation, settings.settings)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        problems += [".".join(["end_system.settings", *map(str, each["loc"])]) + f": {each['msg']}" for each in found]
    if problems:
        raise ConfigurationError(problems)
    return implementation(own)


def _class(path: str) -> type[EndSystem]:
    implementation = imported(path, EXPECTED)
    if isinstance(implementation, type) and issubclass(implementation, EndSystem):
        return implementation
    raise LookupError(EXPECTED)
