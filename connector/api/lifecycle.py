"""Where an application keeps whether it is to end, and whether it can serve."""

from aiohttp import web

from connector.admin.readiness import Lifecycle, ReadinessCheck

LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
READINESS = web.AppKey("readiness", ReadinessCheck)
