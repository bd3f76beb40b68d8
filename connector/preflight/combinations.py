"""Values that must fit together, each of them being right by itself."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path

from connector.config.problems import dotted
from connector.config.settings import (
    ConsoleSection,
    LedgerSection,
    MetricsSection,
    ServerLimits,
    ServerSection,
    SessionsSection,
    Settings,
    TracesSection,
)
from connector.config.sources import Sources, variable_name
from connector.endsystems.build import build_end_system, build_seat_pools
from connector.endsystems.end_system import EndSystem
from connector.model.addresses import LOOPBACK, is_loopback
from connector.model.errors import ConfigurationError

BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
PASSWORD_IN_URL = re.compile(r"//[^/@]*:[^/@]+@")
EVERY_IPV4 = "0.0.0.0"  # noqa: S104 - nothing listens here
PROFILE = "end_system.profile"
FILES = (PROFILE, "end_system.ca_file", "end_system.client_certificate", "end_system.client_key")
DAY = 86_400.0
CALLS = ("cleanup", "discover", "initialize")
"""What is served under each base path."""


def combination_problems(settings: Settings, sources: Sources) -> list[str]:
    """Return a line for each combination of values that cannot work, apart from those of the end system."""
    return [
        *_seals(settings),
        *_seats(settings),
        *_ledger(settings.ledger),
        *_ports(settings),
        *_console(settings),
        *_traces(settings.traces),
        *_base_paths(settings.server),
        *_limits(settings.server.limits),
        *_passwords_in_file(sources),
    ]


def requires_seal(settings: Settings) -> bool:
    """Tell whether nobody may clean up a session without its seal."""
    beyond = not is_loopback(settings.server.host)
    return settings.security.require_seal or (beyond and not settings.security.allow_unsealed_cleanup_beyond_loopback)


def idle_timeout(sessions: SessionsSection, *, sees_use: bool) -> float | None:
    """Return after how many seconds without use a session ends; None if never. A server that `sees_use` has a default."""
    if sessions.idle_timeout is None:
        return DAY if sees_use else None
    return None if sessions.idle_timeout == "off" else sessions.idle_timeout


def _seats(settings: Settings) -> Iterator[str]:
    if settings.sessions.seat_idle != "off" and settings.end_system.seats is None:
        yield "sessions.seat_idle: expected end_system.seats beside it"


def _ledger(ledger: LedgerSection) -> Iterator[str]:
    if ledger.store == "postgres" and ledger.dsn_env is None:
        yield "ledger.dsn_env: expected the name of the variable with the database's address, because ledger.store is postgres"
    if ledger.store != "postgres" and ledger.dsn_env is not None:
        yield "ledger.store: expected postgres, because ledger.dsn_env is set"


def _seals(settings: Settings) -> Iterator[str]:
    if settings.security.require_seal and settings.security.allow_unsealed_cleanup_beyond_loopback:
        yield "security.allow_unsealed_cleanup_beyond_loopback: expected false, because security.require_seal is true"


def _ports(settings: Settings) -> Iterator[str]:
    server, metrics, console = settings.server, settings.metrics, settings.console
    if metrics.enabled and _meet(server, metrics):
        yield "metrics.port: expected another port than that of the calls, server.port"
    if console.enabled and _meet(server, console):
        yield "console.port: expected another port than that of the calls, server.port"
    if console.enabled and metrics.enabled and _meet(metrics, console):
        yield "console.port: expected another port than that of the metrics, metrics.port"


def _meet(one: ServerSection | MetricsSection, other: MetricsSection | ConsoleSection) -> bool:
    """Tell whether two listeners would have one address."""
    hosts = {one.host, other.host}
    same_host = len(hosts) == 1 or (EVERY_IPV4 in hosts and not any(":" in host for host in hosts))
    return same_host and one.port == other.port != 0


def _console(settings: Settings) -> Iterator[str]:
    console = settings.console
    if console.token_env is not None and console.token_file is not None:
        yield "console.token_file: expected nothing, because console.token_env is set"
    if not console.enabled:
        return
    if console.trusted_user_header is not None and not settings.server.trusted_proxies:
        yield "console.trusted_user_header: expected server.trusted_proxies beside it, because nobody else is believed"
    if console.trusted_user_header is not None and not _proxies_are_proved(settings):
        yield (
            "console.trusted_user_header: expected a token for the proxy to show in X-Console-Token (console.token_file or "
            "console.token_env), or console.tls.client_ca_file, because server.trusted_proxies has addresses of this machine"
        )
    if console.has_token and console.tls.certificate is None and not is_loopback(console.host):
        yield "console.tls.certificate: expected beyond loopback, because the token would travel in clear text"
        return
    has_lock = console.tls.certificate is not None and console.has_token
    if not (is_loopback(console.host) or has_lock or console.trusted_user_header is not None):
        yield (
            "console.host: beyond loopback, expected console.tls.certificate and a token (console.token_env or "
            "console.token_file), or console.trusted_user_header"
        )


def _proxies_are_proved(settings: Settings) -> bool:
    """Tell whether no user of this machine can name himself as a proxy would."""
    console = settings.console
    networks = [ip_network(network) for network in settings.server.trusted_proxies]
    near = [network for network in networks for own in LOOPBACK if network.version == own.version and network.overlaps(own)]
    return not near or console.has_token or console.tls.client_ca_file is not None


def _traces(traces: TracesSection) -> Iterator[str]:
    if traces.pass_on_to_end_system and traces.endpoint is None:
        yield "traces.pass_on_to_end_system: expected traces.endpoint beside it"


def _limits(limits: ServerLimits) -> Iterator[str]:
    if limits.head_total < limits.header:
        yield "server.limits.head_total: expected at least server.limits.header, because each header is a part of the head"
    if limits.connections and limits.connections_per_address and limits.connections < limits.connections_per_address:
        yield "server.limits.connections_per_address: expected at most server.limits.connections, which are those of all"


def _base_paths(server: ServerSection) -> Iterator[str]:
    named = [(f"server.base_paths[{place}]", path) for place, path in enumerate(server.base_paths)]
    named += [(f"server.mbse_base_paths[{place}]", path) for place, path in enumerate(server.mbse_base_paths)]
    if not named:
        yield "server.base_paths: expected a path here or in server.mbse_base_paths, for nothing would be served"
    for place, (name, path) in enumerate(named):
        if not BASE_PATH.fullmatch(path) or {".", ".."} & {*path.split("/")}:
            yield f"{name}: expected a path such as /sdk-api/api/1.0: a leading slash, none at the end, letters, digits and ._~-"
        elif f"{path}/".startswith("/health/"):
            yield f"{name}: expected a path outside /health, which is taken"
        for other, taken in named[:place]:
            if path == taken or _within(path, taken) or _within(taken, path):
                yield f"{name}: expected a path that does not overlap with {other}"


def _within(path: str, other: str) -> bool:
    return any(f"{path}/".startswith(f"{other}/{call}/") for call in CALLS)


def _passwords_in_file(sources: Sources) -> Iterator[str]:
    for path in (("end_system", "base_url"), ("end_system", "proxy")):
        if PASSWORD_IN_URL.search(str(sources.from_file(path))):
            yield f"{dotted(path)}: holds a password, which has no place in {sources.file}; set {variable_name(path)} instead"


def checked_end_system(settings: Settings, sources: Sources, environ: Mapping[str, str], problems: list[str]) -> EndSystem | None:
    """Make the end system, not yet open; or note what is wrong with its configuration, and return None."""
    try:
        end_system = build_end_system(settings.end_system, environ)
        build_seat_pools(settings.end_system, end_system)
    except ConfigurationError as found:
        problems += [_with_folder(line, sources) for line in found.problems]
        return None
    return end_system


def _with_folder(line: str, sources: Sources) -> str:
    """Add the folder in which a file was looked for. Its path is not repeated, because it may be a misplaced secret."""
    name, _, _ = line.partition(": ")
    given = sources.given(tuple(name.split("."))) if name in FILES else None
    is_relative = given is not None and (name != PROFILE or given.endswith(".toml")) and not Path(given).is_absolute()
    return f"{line}; relative paths begin at {sources.folder}" if is_relative else line
