"""The console as an application: who gets in, the pages, and what a browser is told about all of them."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_network

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from connector.admin.service import Admin
from connector.api.boundary import boundary, note_reason
from connector.api.callers import admitting, only_by
from connector.api.control import in_time, refusals
from connector.api.hosts import Hosts
from connector.api.http_errors import ApiError, not_found
from connector.api.metrics_endpoint import METRICS
from connector.api.rejections import Rejections
from connector.api.rendering import SERVER, ErrorShapes
from connector.config.settings import Settings
from connector.console.audit_pages import AuditPages
from connector.console.cache_pages import CachePages
from connector.console.chart_pages import ChartPages
from connector.console.entrance_pages import REFUSED, EntrancePages
from connector.console.entrances import Entrances
from connector.console.overview_pages import EVENTS, OverviewPages
from connector.console.owed_pages import OwedPages
from connector.console.pages import BY_SCRIPT, Pages
from connector.console.pulse import Pulse
from connector.console.script_calls import ScriptCalls
from connector.console.session_pages import SessionPages
from connector.console.static_calls import StaticCalls
from connector.console.visitors import API, Visitors
from connector.model.addresses import canonical_host
from connector.telemetry.metrics import Metrics

BASE = "/s/{place:[A-Za-z0-9_-]{1,64}}"
"""Where the pages of a login are. Nobody can guess a place, and a cookie is sent to its place alone."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": SERVER,
    "Referrer-Policy": "same-origin",  # with none at all, a browser would send no Origin with a form
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def console_app(admin: Admin, metrics: Metrics, settings: Settings, entrances: Entrances) -> web.Application:
    """Return the application that serves the console."""
    pages, visitors = Pages(), _visitors(settings, entrances)
    admitted = admitting((only_by(Hosts(settings.server.allowed_hosts, settings.console.host)),), metrics.observe_rejection)
    outermost = boundary(ErrorShapes([""], []), level=logging.DEBUG)
    app = web.Application(middlewares=[outermost, admitted, _AsPages(pages).show, _in_time, refusals, visitors.check])
    app[METRICS] = metrics
    overview = OverviewPages(Pulse(admin), pages, entrances)
    entrance = EntrancePages(admin, entrances, visitors, pages, Rejections(event=REFUSED))
    lists = (
        SessionPages(admin, pages),
        OwedPages(admin, pages),
        CachePages(admin, pages),
        ChartPages(admin, pages),
        AuditPages(admin, pages),
    )
    for shown in (entrance, overview, *lists, ScriptCalls(admin)):
        app.router.add_routes(shown.routes(BASE))
    app.router.add_get("/static/{name}", StaticCalls(pages.static).handle)
    app.on_response_prepare.append(_protect)

    async def end(_: web.Application) -> None:
        overview.ending.set()
        entrance.refusals.tell()

    app.on_shutdown.append(end)
    return app


def _visitors(settings: Settings, entrances: Entrances) -> Visitors:
    server = settings.server
    return Visitors(
        entrances=entrances,
        user_header=settings.console.trusted_user_header,
        trusted=[ip_network(network) for network in server.trusted_proxies],
        proxies_have_certificates=settings.console.tls.client_ca_file is not None,
        names=frozenset(map(canonical_host, server.allowed_hosts)),
    )


@web.middleware
async def _in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each call its time, except events, which last."""
    if request.match_info.route.name == EVENTS:
        return await handler(request)
    return await in_time(request, handler)


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser what it may do with an answer, whatever it is."""
    response.headers.update(HEADERS)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")


@dataclass(frozen=True, slots=True)
class _AsPages:
    """Shows errors as pages."""

    pages: Pages

    @web.middleware
    async def show(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with a page that says what is wrong. Whoever is not logged in is sent to the entrance. A script gets JSON."""
        if request.path.startswith(API):
            return await handler(request)
        try:
            return await handler(request)
        except ApiError as problem:
            answer = problem.answer
        except web.HTTPNotFound:
            answer = not_found().answer
        note_reason(answer)
        if answer.status == HTTPStatus.UNAUTHORIZED and BY_SCRIPT not in request.headers and request.method == hdrs.METH_GET:
            return _to_the_entrance(request)
        return self.pages.page(request, "problem.html", answer.status, problem=answer)


def _to_the_entrance(request: web.Request) -> web.Response:
    if request.headers.get(hdrs.ACCEPT, "").startswith("text/event-stream"):  # a page's events: it must not take a page for them
        return web.Response(status=HTTPStatus.UNAUTHORIZED)
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: "/"})
