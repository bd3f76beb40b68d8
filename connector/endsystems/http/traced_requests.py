"""A span for each request to an end system, of a login, a logout or a handler."""

import aiohttp
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from connector.telemetry.traces import About, answered, spanned

TRACEPARENT = "traceparent"


def traced_requests(tracer: Tracer, *, pass_on: bool) -> aiohttp.ClientMiddlewareType:
    """Return the middleware. With `pass_on`, the end system is told the trace, unless the request names one itself.

    The span has no path, because a path may hold what ends a session.
    """
    propagator = TraceContextTextMapPropagator()

    async def trace(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        about: About = {
            "http.request.method": request.method,
            "server.address": request.url.host or "",
            "server.port": request.url.port or 0,
        }
        with spanned(tracer, request.method, about, kind=SpanKind.CLIENT) as span:
            if pass_on and TRACEPARENT not in request.headers:
                propagator.inject(request.headers)
            answer = await handler(request)
            answered(span, answer.status)
            return answer

    return trace
