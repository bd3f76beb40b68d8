"""What is different in an application whose work has spans. Without traces nothing is, and no library of theirs is imported."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from aiohttp import ClientMiddlewareType
from aiohttp.typedefs import Middleware
from msgspec import Struct

from connector.assembly.kinds import UNTRACED, Kinds
from connector.config.settings import Settings
from connector.model.errors import ConfigurationError
from connector.preflight.tracing_extra import problem_of_traces


class Tracing(Struct, frozen=True):
    """By default that of an application without traces."""

    kinds: Kinds = UNTRACED
    of_calls: Sequence[Middleware] = ()
    """Outside of all others."""
    of_requests: Sequence[ClientMiddlewareType] = ()
    """To the end system."""
    sent: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Makes the context in which spans are sent."""


def tracing_of(settings: Settings) -> Tracing:
    """Return the tracing of these settings. Raises `ConfigurationError` if a library is missing."""
    section = settings.traces
    if section.endpoint is None:
        return Tracing()
    if problem := problem_of_traces(section):
        raise ConfigurationError([problem])
    from connector.api.traced_calls import traced_calls
    from connector.assembly.traced import traced_kinds
    from connector.endsystems.http.traced_requests import traced_requests
    from connector.telemetry.traces import Traces

    traces = Traces(section.endpoint, settings.connector.name)
    tracer = traces.tracer
    of_requests = traced_requests(tracer, pass_on=section.pass_on_to_end_system)
    return Tracing(traced_kinds(tracer), [traced_calls(tracer)], [of_requests], traces.sent)
