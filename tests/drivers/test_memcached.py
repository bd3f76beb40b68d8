"""The aiocache driver on a real memcached."""

import pytest

from drivers.testing import DriverContract, MakeDriver
from tests.drivers.stores import maker
from tests.servers import RealServer


class TestMemcached(DriverContract):
    shared = True
    durable = True
    enumerates = False

    @pytest.fixture
    def make_driver(self, memcached: RealServer) -> MakeDriver:
        return maker(memcached, "memcached")
