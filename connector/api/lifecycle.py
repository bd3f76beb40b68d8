"""Where an application keeps whether it is shutting down."""

from aiohttp import web

from connector.admin.readiness import Lifecycle

LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
