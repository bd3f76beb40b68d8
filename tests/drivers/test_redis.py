"""The aiocache driver on a real Redis."""

import pytest

from drivers.testing import DriverContract, MakeDriver
from tests.drivers.stores import maker
from tests.servers import RealServer


class TestRedis(DriverContract):
    shared = True
    durable = True

    @pytest.fixture
    def make_driver(self, redis: RealServer) -> MakeDriver:
        return maker(redis, "redis")
