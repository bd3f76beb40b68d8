"""A span for each call, within the caller's trace if he names one in `traceparent`."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.trace import SpanKind, Tracer, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bind_contextvars

from connector.api.boundary import route_of
from connector.telemetry.traces import answered, spanned

HEALTH = ("/health/live", "/health/ready")
"""Paths that have no spans, also of an application that is mounted into another one: a load balancer asks every few seconds."""


def traced_calls(tracer: Tracer) -> Middleware:
    """Return the middleware. The request's line in the log names the trace. It goes outside of all others."""
    context_of = TraceContextTextMapPropagator().extract

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route.endswith(HEALTH):
            return await handler(request)
        method = request.method if request.method in hdrs.METH_ALL else "_OTHER"
        about, context = {"http.request.method": method, "http.route": route}, context_of(request.headers)
        with spanned(tracer, f"{method} {route}", about, kind=SpanKind.SERVER, context=context) as span:
            if span.is_recording():
                bind_contextvars(trace=format_trace_id(span.get_span_context().trace_id))
            response = await handler(request)
            answered(span, response.status)
            return response

    return trace
