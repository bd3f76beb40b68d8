"""What the tests of the rehearsal borrow."""

from tests.e2e.conftest import nowhere

__all__ = ["nowhere"]
