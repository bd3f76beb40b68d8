"""Spans of what the server does, sent to an OpenTelemetry collector in the background. It needs the extra `[otel]`."""

import logging
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http import HTTPStatus
from typing import cast

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, Tracer

from connector.config.variables import OTEL_IS_WRONG
from connector.model.errors import ConfigurationError
from connector.runtime.outages import Outage
from connector.runtime.steps import step
from connector.version import __version__
from drivers.threads import in_a_thread

LAST = 5.0
"""Seconds that the last spans have to be sent when the server ends."""
About = Mapping[str, str | int | bool]
"""Attributes of a span. No value of a request or of an answer has a place in them."""


LIBRARY = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
"""Tells of each try that fails, for as long as a collector is away."""
OF_HEADERS = logging.getLogger("opentelemetry.util.re")
"""Repeats what it cannot read, which may hold a token."""
LONGEST_REASON = 300
"""Characters."""


class _Words(logging.Filter):
    """Keeps what the library says within a thread's `heard`: why a try failed. It lets through nothing of that."""

    def __init__(self) -> None:
        super().__init__()
        self._of = threading.local()

    @contextmanager
    def heard(self) -> Iterator[list[str]]:
        """Give the list of what is said in this thread while the context is open."""
        self._of.said = []
        try:
            yield self._of.said
        finally:
            del self._of.said

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record through, unless it is heard."""
        said = getattr(self._of, "said", None)
        if said is not None:
            said.append(record.getMessage()[:LONGEST_REASON])
        return said is None


WORDS, WORDS_ON_HEADERS = _Words(), _Words()
LIBRARY.addFilter(WORDS)
OF_HEADERS.addFilter(WORDS_ON_HEADERS)


class _OneCollector:
    """Sends spans. The log tells once that the collector is away, and once that it is back."""

    def __init__(self, endpoint: str) -> None:
        self._otlp: SpanExporter = OTLPSpanExporter(endpoint=endpoint)
        self._is_away = self._is_shut_down = False
        self._outage = Outage(
            "the collector does not take spans: those of the meantime are lost, and all else goes on (traces.endpoint)",
            "the collector takes spans again",
        )

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, and try for some seconds. Runs in the thread of the library."""
        with WORDS.heard() as said:
            result = self._otlp.export(spans)
        self._is_away = result is not SpanExportResult.SUCCESS
        self._outage.note(next(iter(said), "it does not say why") if self._is_away else None)
        return result

    def give_up_if_away(self) -> None:
        """Try no more if the collector is away: what is left would only keep the server from ending."""
        if self._is_away:
            self.shutdown()

    def shutdown(self) -> None:
        """Try no more. A second call does nothing."""
        if not self._is_shut_down:
            self._is_shut_down = True
            self._otlp.shutdown()

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Do nothing: `export` keeps nothing back."""
        del timeout_millis
        return True


class Traces:
    """Takes the spans of one application, and sends them in a thread of its own. What the collector does not take is lost."""

    def __init__(self, endpoint: str, service: str) -> None:
        """Make it; `service` is its name there. Raises `ConfigurationError` if a variable of OpenTelemetry is wrong."""
        resource = Resource.create({SERVICE_NAME: service, SERVICE_VERSION: __version__})
        with _variables():
            # No handler at the process's exit, because it would wait for a collector that is away.
            self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._endpoint = endpoint
        self.tracer: Tracer = self._provider.get_tracer("connector", __version__)

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[None]:
        """Send spans while the context is open, and at its end those that are left. Raises as the constructor does."""
        with _variables():
            collector = _OneCollector(self._endpoint)
            self._provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", collector)))
        try:
            yield
        finally:
            collector.give_up_if_away()
            finish = partial(in_a_thread, "the last spans", self._provider.shutdown)
            await step("sending the last spans", finish, deadline=LAST, late=None, failed=None)


@contextmanager
def _variables() -> Iterator[None]:
    """Raise `ConfigurationError` for a wrong variable that the library reads in the context. Headers are not repeated."""
    try:
        with WORDS_ON_HEADERS.heard() as said:
            yield
    except ValueError as problem:
        raise ConfigurationError([f"{OTEL_IS_WRONG}: {problem}"]) from None
    if said:
        what = "expected name=value, commas between several, and %20 for a space"
        raise ConfigurationError([f"traces: OTEL_EXPORTER_OTLP_HEADERS in the environment: {what}"])


def answered(span: Span, status: int) -> None:
    """Note the status of an answer. One of the server's own faults is an error, on both sides of a call."""
    span.set_attribute("http.response.status_code", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


@contextmanager
def spanned(
    tracer: Tracer,
    name: str,
    about: About,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    context: Context | None = None,
    after: SpanContext | None = None,
) -> Iterator[Span]:
    """Make a span of what is done in the context, with a link to the span that it comes `after`.

    Of an error it tells the class alone, because its text may hold a secret.
    """
    links = [Link(after)] if after is not None else ()
    shape = partial(tracer.start_as_current_span, record_exception=False, set_status_on_exception=False)
    with shape(name, context, kind, about, links) as span:
        try:
            yield span
        except Exception as problem:
            span.set_attribute("error.type", type(problem).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
