"""What aiomcache raises, as this project's errors."""

from aiomcache import ClientException

from drivers.aiocached.translation import NO_ANSWER, Failures
from drivers.driver_errors import DriverUnavailable

FAILURES = Failures(raised=(ClientException,), by_type=((ClientException, DriverUnavailable, NO_ANSWER),))
