"""A server under administration, for the commands that steer it."""

from tests.control.conftest import server

__all__ = ["server"]
