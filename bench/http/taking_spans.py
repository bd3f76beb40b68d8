"""A collector of spans that does nothing but count them."""

import asyncio

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.http.talks import HOST
from bench.measure import run_on_the_servers_loop

TRACES, COUNTED = "/v1/traces", "/counted"
LARGEST = 100_000_000
"""Bytes of one body."""


def collector() -> None:
    """Take spans by `POST /v1/traces`, and answer how many there were by `GET /counted`, for ever."""
    run_on_the_servers_loop(_serve())


async def _serve() -> None:
    spans = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal spans
        sent = ExportTraceServiceRequest.FromString(await request.read())
        spans += sum(len(scope.spans) for resource in sent.resource_spans for scope in resource.scope_spans)
        return web.Response(content_type="application/x-protobuf")

    async def counted(_: web.Request) -> web.Response:
        return web.json_response(spans)

    app = web.Application(client_max_size=LARGEST)
    app.add_routes([web.post(TRACES, take), web.get(COUNTED, counted)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    print(f"serving host={HOST} port={runner.addresses[0][1]}", flush=True)  # noqa: T201 - its parent process reads that
    await asyncio.Event().wait()
