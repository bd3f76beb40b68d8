"""A collector of spans, over OTLP and HTTP, as an OpenTelemetry collector takes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True, slots=True)
class Received:
    """One span."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    """Empty if it has none."""
    about: Mapping[str, object]
    failed: bool
    nanoseconds: int
    service: str
    after: Sequence[str]
    """The spans to which it has a link."""


class Collector:
    """Takes spans for as long as the context, in whichever order they come."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        """What was sent, as it came."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/v1/traces", self._take)
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/v1/traces"))

    @property
    def section(self) -> str:
        """Its section of the connector's configuration file."""
        return f'[traces]\nendpoint = "{self.url}"\n'

    @property
    def spans(self) -> list[Received]:
        return [span for body in self.bodies for span in spans_in(body)]

    def one(self, name: str) -> Received:
        """Return the only span of this name."""
        (found,) = self.named(name)
        return found

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]

    def below(self, parent: Received) -> list[str]:
        """Return the names of the spans that were begun by this one, in the order of the alphabet."""
        return sorted(span.name for span in self.spans if span.parent == parent.id)

    async def _take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(content_type="application/x-protobuf")


def spans_in(body: bytes) -> Iterator[Received]:
    """Yield the spans of one export."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        names = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            yield from (_received(span, names["service.name"]) for span in scope.spans)


def _received(span: trace_pb2.Span, service: str) -> Received:
    return Received(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        about={each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes},
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
        service=service,
        after=[link.span_id.hex() for link in span.links],
    )
